package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/labels"
)

// routeProtocol marks the routes that are ours (the kernel keeps the number and gives it no meaning).
const routeProtocol = 68

// keepPodsInside makes the addresses of pods that there are not unreachable: without a route of their own they would go
// where the default one leads, and a pod that is gone would be answered for by the world outside.
func keepPodsInside(pods string) error {
	_, dst, err := net.ParseCIDR(pods)
	if err != nil {
		return err
	}
	return netlink.RouteReplace(&netlink.Route{Dst: dst, Type: unix.RTN_UNREACHABLE, Protocol: unix.RTPROT_STATIC})
}

// keepRoutes has one route for each other node's pods, and writes the CNI configuration once this node's range is known
// and its policies are in place. The kubelet calls the node ready when that file is there.
func keepRoutes(ctx context.Context, v *view, conflist string, e *enforcer) error {
	configured := ""
	complaint := ""
	for {
		nodes, err := v.nodes.List(labels.Everything())
		if err != nil {
			return err
		}
		via := map[string]string{}
		own := ""
		for _, n := range nodes {
			switch {
			case n.Name == v.node:
				own = n.Spec.PodCIDR
			case n.Spec.PodCIDR != "" && internalIP(n) != "":
				via[n.Spec.PodCIDR] = internalIP(n)
			}
		}
		if err := setRoutes(via); err != nil && err.Error() != complaint {
			complaint = err.Error() // a simulated node has no address to go by: say it once
			log.Printf("routes: %v", err)
		}
		if own != "" && own != configured {
			if err := e.enforce(ctx); err == nil {
				if err := writeConflist(conflist, own); err != nil {
					return err
				}
				configured = own
			} else {
				time.AfterFunc(retry, func() { poke(v.nodesChanged) })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-v.nodesChanged:
		}
	}
}

// setRoutes makes the routes of our protocol these: range to gateway. It does what it can, and returns what failed.
func setRoutes(via map[string]string) error {
	existing, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: routeProtocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return err
	}
	for _, r := range existing {
		if r.Dst != nil && via[r.Dst.String()] == r.Gw.String() {
			delete(via, r.Dst.String())
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("removing %v: %w", r.Dst, err)
		}
	}
	var failed []error
	for cidr, gateway := range via {
		_, dst, err := net.ParseCIDR(cidr)
		if err == nil {
			err = netlink.RouteReplace(&netlink.Route{Dst: dst, Gw: net.ParseIP(gateway), Protocol: routeProtocol})
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s through %s: %w", cidr, gateway, err))
		}
	}
	return errors.Join(failed...)
}

// writeConflist writes the CNI configuration for pods with addresses of a range, whole or not at all.
func writeConflist(path, podCIDR string) error {
	type object = map[string]any
	mtu, err := uplinkMTU()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "nodenet",
		"plugins": []object{
			{
				"type": "ptp", "mtu": mtu,
				"ipam": object{
					"type": "host-local", "dataDir": "/run/cni-ipam-state",
					"routes": []object{{"dst": "0.0.0.0/0"}},
					"ranges": [][]object{{{"subnet": podCIDR}}},
				},
			},
			{"type": "portmap", "capabilities": object{"portMappings": true}},
			{"type": "nodenet-cni"},
		},
	}, "", "  ")
	if err != nil {
		return err
	}
	temporary := filepath.Join(filepath.Dir(path), ".nodenet")
	if err := os.WriteFile(temporary, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// uplinkMTU is that of the interface of the default route: a pod's packets must fit through it.
func uplinkMTU() (int, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return 0, err
	}
	for _, r := range routes {
		if r.Dst == nil || r.Dst.IP.IsUnspecified() {
			link, err := netlink.LinkByIndex(r.LinkIndex)
			if err != nil {
				return 0, err
			}
			return link.Attrs().MTU, nil
		}
	}
	return 0, errors.New("this node has no default route")
}
