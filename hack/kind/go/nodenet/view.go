package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	corelisters "k8s.io/client-go/listers/core/v1"
	netlisters "k8s.io/client-go/listers/networking/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/clientcmd"
)

// view is what this node knows of the cluster, kept up to date by watches.
type view struct {
	node       string
	pods       corelisters.PodLister
	namespaces corelisters.NamespaceLister
	nodes      corelisters.NodeLister
	policies   netlisters.NetworkPolicyLister
	// policyChanged and nodesChanged have an element after a change that matters; several changes may share one.
	policyChanged, nodesChanged chan struct{}
}

// watch returns when the view is complete.
func watch(ctx context.Context, kubeconfig, node string) (*view, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", kubeconfig, err)
	}
	config.UserAgent = "nodenet"
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return untilReachable{next} })
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithTransform(trim))
	v := &view{
		node:          node,
		pods:          factory.Core().V1().Pods().Lister(),
		namespaces:    factory.Core().V1().Namespaces().Lister(),
		nodes:         factory.Core().V1().Nodes().Lister(),
		policies:      factory.Networking().V1().NetworkPolicies().Lister(),
		policyChanged: make(chan struct{}, 1),
		nodesChanged:  make(chan struct{}, 1),
	}
	for _, h := range []struct {
		informer cache.SharedIndexInformer
		changed  func(before, after any) bool
		channels []chan struct{}
	}{
		{factory.Core().V1().Pods().Informer(), podChanged, []chan struct{}{v.policyChanged}},
		{factory.Core().V1().Namespaces().Informer(), labelsChanged, []chan struct{}{v.policyChanged}},
		{factory.Networking().V1().NetworkPolicies().Informer(), always, []chan struct{}{v.policyChanged}},
		{factory.Core().V1().Nodes().Informer(), nodeChanged, []chan struct{}{v.policyChanged, v.nodesChanged}},
	} {
		tell := func() {
			for _, c := range h.channels {
				poke(c)
			}
		}
		if _, err := h.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(any) { tell() },
			DeleteFunc: func(any) { tell() },
			UpdateFunc: func(before, after any) {
				if h.changed(before, after) {
					tell()
				}
			},
		}); err != nil {
			return nil, err
		}
	}
	factory.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return nil, fmt.Errorf("listing %v: %w", kind, ctx.Err())
		}
	}
	return v, nil
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Most updates are heartbeats and statuses, which change nothing here.

func always(_, _ any) bool { return true }

func labelsChanged(before, after any) bool {
	return !maps.Equal(before.(metav1.Object).GetLabels(), after.(metav1.Object).GetLabels())
}

func podChanged(before, after any) bool {
	b, a := before.(*corev1.Pod), after.(*corev1.Pod)
	return labelsChanged(b, a) || b.UID != a.UID || b.Spec.NodeName != a.Spec.NodeName || address(b) != address(a)
}

func nodeChanged(before, after any) bool {
	b, a := before.(*corev1.Node), after.(*corev1.Node)
	return b.Spec.PodCIDR != a.Spec.PodCIDR || internalIP(b) != internalIP(a)
}

// address is a pod's own address while it may use it, else empty.
func address(p *corev1.Pod) string {
	if p.Spec.HostNetwork || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return ""
	}
	return p.Status.PodIP
}

func internalIP(n *corev1.Node) string {
	for _, a := range n.Status.Addresses {
		if a.Type == corev1.NodeInternalIP {
			return a.Address
		}
	}
	return ""
}

// trim keeps of each object what is used here: a cluster may have thousands of pods.
func trim(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Pod:
		kept := &corev1.Pod{ObjectMeta: identity(o), Spec: corev1.PodSpec{NodeName: o.Spec.NodeName, HostNetwork: o.Spec.HostNetwork}, Status: corev1.PodStatus{PodIP: o.Status.PodIP, Phase: o.Status.Phase}}
		for _, c := range o.Spec.Containers {
			if len(c.Ports) > 0 {
				kept.Spec.Containers = append(kept.Spec.Containers, corev1.Container{Ports: c.Ports})
			}
		}
		return kept, nil
	case *corev1.Node:
		return &corev1.Node{ObjectMeta: identity(o), Spec: corev1.NodeSpec{PodCIDR: o.Spec.PodCIDR}, Status: corev1.NodeStatus{Addresses: o.Status.Addresses}}, nil
	case *corev1.Namespace:
		return &corev1.Namespace{ObjectMeta: identity(o)}, nil
	case *netv1.NetworkPolicy:
		return &netv1.NetworkPolicy{ObjectMeta: identity(o), Spec: o.Spec}, nil
	}
	return object, nil
}

func identity(o metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: o.GetNamespace(), Name: o.GetName(), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion(), Labels: o.GetLabels()}
}

// untilReachable holds a request back while nobody listens at the API server's address, as when it restarts. The watches'
// own patience grows to half a minute, in which new pods would get no network.
type untilReachable struct{ next http.RoundTripper }

func (u untilReachable) RoundTrip(request *http.Request) (*http.Response, error) {
	for {
		response, err := u.next.RoundTrip(request)
		if err == nil || request.Body != nil {
			return response, err
		}
		select {
		case <-request.Context().Done():
			return nil, err
		case <-time.After(300 * time.Millisecond):
		}
	}
}
