package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"dormouse.dev/kind/nodenet/attachment"
	"dormouse.dev/kind/nodenet/policy"
)

const (
	// settle is how long a change waits for others, so that a burst of them costs one ruleset.
	settle = 50 * time.Millisecond
	// retry is how long after a ruleset that nft refused it is tried again.
	retry = time.Second
)

// enforcer keeps the kernel's ruleset equal to what follows from the view and the attachments.
type enforcer struct {
	view     *view
	attached *attachments
	services string // the range of their addresses
	urgent   chan struct{}
	last     string

	mu      sync.Mutex
	waiting []chan error
}

func newEnforcer(v *view, a *attachments, services string) *enforcer {
	return &enforcer{view: v, attached: a, services: services, urgent: make(chan struct{}, 1)}
}

// enforce returns when a ruleset that has everything known at the call is in the kernel.
func (e *enforcer) enforce(ctx context.Context) error {
	done := make(chan error, 1)
	e.mu.Lock()
	e.waiting = append(e.waiting, done)
	e.mu.Unlock()
	poke(e.urgent)
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *enforcer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.urgent:
		case <-e.view.policyChanged:
			select {
			case <-time.After(settle):
			case <-e.urgent:
			}
		}
		e.mu.Lock()
		waiting := e.waiting
		e.waiting = nil
		e.mu.Unlock()
		err := e.apply(ctx)
		if err != nil {
			log.Printf("the policies stay as they were: %v", err)
			time.AfterFunc(retry, func() { poke(e.urgent) })
		}
		for _, w := range waiting {
			w <- err
		}
	}
}

func (e *enforcer) apply(ctx context.Context) error {
	cluster, err := e.cluster()
	if err != nil {
		return err
	}
	if cluster.PodCIDR == "" {
		return nil // the controller manager hasn't given this node a range yet; its coming is a change
	}
	ruleset := policy.Render(cluster)
	if ruleset == e.last {
		return nil
	}
	command := exec.CommandContext(ctx, "nft", "-f", "-")
	command.Stdin = strings.NewReader(ruleset)
	var complaint bytes.Buffer
	command.Stderr = &complaint
	if err := command.Run(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, complaint.String())
	}
	e.last = ruleset
	return nil
}

func (e *enforcer) cluster() (policy.Cluster, error) {
	c := policy.Cluster{Namespaces: map[string]map[string]string{}, ServiceCIDR: e.services}
	nodes, err := e.view.nodes.List(labels.Everything())
	if err != nil {
		return c, err
	}
	for _, n := range nodes {
		if n.Spec.PodCIDR == "" {
			continue
		}
		c.NodeCIDRs = append(c.NodeCIDRs, n.Spec.PodCIDR)
		if n.Name == e.view.node {
			c.PodCIDR = n.Spec.PodCIDR
		}
	}
	namespaces, err := e.view.namespaces.List(labels.Everything())
	if err != nil {
		return c, err
	}
	for _, n := range namespaces {
		c.Namespaces[n.Name] = n.Labels
	}
	if c.Policies, err = e.view.policies.List(labels.Everything()); err != nil {
		return c, err
	}
	pods, err := e.view.pods.List(labels.Everything())
	if err != nil {
		return c, err
	}
	c.Endpoints = endpoints(pods, e.attached.pods(), e.view.node)
	return c, nil
}

// endpoints are the pods by address, in the order of their addresses. What the plugin said of an address of this node goes
// before what the API server says: it is newer.
func endpoints(pods []*corev1.Pod, attached map[string]attachment.PodName, node string) []policy.Endpoint {
	byName := make(map[attachment.PodName]*corev1.Pod, len(pods))
	owner := make(map[string]*corev1.Pod, len(pods))
	for _, p := range pods {
		byName[attachment.PodName{Namespace: p.Namespace, Name: p.Name}] = p
		if ip := address(p); ip != "" && !strings.Contains(ip, ":") {
			owner[ip] = p
		}
	}
	for ip, name := range attached {
		if p := byName[name]; p != nil && p.Spec.NodeName == node {
			owner[ip] = p
		}
	}
	result := make([]policy.Endpoint, 0, len(owner))
	for ip, p := range owner {
		e := policy.Endpoint{IP: ip, Namespace: p.Namespace, Name: p.Name, Labels: p.Labels, Local: p.Spec.NodeName == node}
		for _, c := range p.Spec.Containers {
			e.Ports = append(e.Ports, c.Ports...)
		}
		result = append(result, e)
	}
	slices.SortFunc(result, func(a, b policy.Endpoint) int { return strings.Compare(a.IP, b.IP) })
	return result
}
