// Command nodenet is the pod network of one node: it gives pods their addresses (by a CNI configuration), routes to the
// other nodes' pods, and enforces NetworkPolicy with nftables. It watches the API server and is otherwise idle.
//
// Nothing that is meant for a pod or a Service leaves the cluster, whether or not there is one at that address.
//
// Its CNI plugin (nodenet-cni) is the last of the chain: a pod starts only when its policies are in place, and is then
// connected at once. (Without that a pod would be open, or cut off, until its address had gone through the API server.)
//
// For test clusters: IPv4, one network interface, and traffic between nodes is neither encrypted nor tunnelled.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0) // the journal has the time
	kubeconfig := flag.String("kubeconfig", "/etc/kubernetes/kubelet.conf", "credentials for the API server")
	node := flag.String("node", "", "the name of this node")
	conflist := flag.String("conflist", "/etc/cni/net.d/10-nodenet.conflist", "the CNI configuration to write")
	pods := flag.String("pods", "", "the range of all nodes' pods, as in 100.64.0.0/16")
	services := flag.String("services", "", "the range of the Services' addresses")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *node, *conflist, *pods, *services); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, kubeconfig, node, conflist, pods, services string) error {
	if _, _, err := net.ParseCIDR(services); err != nil {
		return fmt.Errorf("--services: %w", err)
	}
	if err := keepPodsInside(pods); err != nil {
		return fmt.Errorf("--pods: %w", err)
	}
	view, err := watch(ctx, kubeconfig, node)
	if err != nil {
		return err
	}
	attached := newAttachments()
	enforcer := newEnforcer(view, attached, services)
	errs := make(chan error, 2)
	go func() { errs <- serve(ctx, attached, enforcer, view) }()
	go func() { errs <- keepRoutes(ctx, view, conflist, enforcer) }()
	go enforcer.run(ctx)
	select {
	case err := <-errs:
		return err
	case <-ctx.Done():
		return nil
	}
}
