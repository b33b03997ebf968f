// Package policy turns the NetworkPolicies of a cluster into the nftables ruleset of one node.
//
// It is a pure function of what the node knows. Egress is judged on the node that a pod runs on, ingress likewise, so the
// ruleset names only that node's pods as subjects and the whole cluster's as peers. IPv4 only.
package policy

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
)

// Endpoint is a pod with an address of the pod network.
type Endpoint struct {
	IP        string
	Namespace string
	Name      string
	Labels    map[string]string
	// Ports are those that the pod's containers declare: policies may refer to them by name.
	Ports []corev1.ContainerPort
	// Local says that the pod runs on the node that the ruleset is for.
	Local bool
}

// Cluster is what a ruleset follows from.
type Cluster struct {
	Endpoints []Endpoint
	// Namespaces has each namespace's labels.
	Namespaces map[string]map[string]string
	Policies   []*netv1.NetworkPolicy
	// PodCIDR is the range of this node's pods; NodeCIDRs are those of all nodes.
	PodCIDR   string
	NodeCIDRs []string
	// ServiceCIDR is the range of the Services' addresses.
	ServiceCIDR string
}

// Render writes the ruleset as input for `nft -f`. Applying it replaces the ruleset before it, at once or not at all.
//
// Traffic of established connections passes. Traffic from an address of the node's range that belongs to no known pod is
// dropped, so a pod can't speak before its policies are in place. The node itself reaches its pods (the kubelet's probes).
// What still goes to a Service's address when kube-proxy has seen it is refused: there is no pod behind it, and whoever
// has that address in the world outside would answer in its place.
func Render(c Cluster) string {
	egress := isolate(c, netv1.PolicyTypeEgress)
	ingress := isolate(c, netv1.PolicyTypeIngress)

	var local []string
	for _, e := range c.Endpoints {
		if e.Local {
			local = append(local, e.IP)
		}
	}
	unknown := fmt.Sprintf("    ip saddr %s counter drop\n", c.PodCIDR)
	if len(local) > 0 {
		unknown = fmt.Sprintf("    ip saddr %s ip saddr != %s counter drop\n", c.PodCIDR, set(local))
	}

	var b strings.Builder
	b.WriteString("table ip nodenet\ndelete table ip nodenet\ntable ip nodenet {\n")
	b.WriteString(egress.chains)
	b.WriteString(ingress.chains)
	b.WriteString("  chain known-pods {\n    iifname lo accept\n    ct state established,related accept\n" + unknown + egress.dispatch("saddr") + "  }\n")
	// "accept" ends only the base chain that it is reached from: a packet passes the egress rules and then the ingress rules.
	b.WriteString("  chain from-pods {\n    type filter hook forward priority -10; policy accept;\n    jump known-pods\n  }\n")
	b.WriteString("  chain from-pods-to-node {\n    type filter hook input priority -10; policy accept;\n    jump known-pods\n  }\n")
	b.WriteString("  chain to-pods {\n    type filter hook forward priority -5; policy accept;\n    ct state established,related accept\n" + ingress.dispatch("daddr") + "  }\n")
	// kube-proxy's own refusal and its way to the pods are two tables, written one after the other: between them there is neither.
	for _, hook := range []string{"forward", "output"} {
		fmt.Fprintf(&b, "  chain to-services-%s {\n    type filter hook %s priority 10; policy accept;\n    ip daddr %s counter reject\n  }\n", hook, hook, c.ServiceCIDR)
	}
	// Pods see each other's own addresses; the world outside sees the node's.
	fmt.Fprintf(&b, "  chain to-outside {\n    type nat hook postrouting priority srcnat; policy accept;\n    ip saddr %s ip daddr != %s masquerade\n  }\n", c.PodCIDR, set(c.NodeCIDRs))
	b.WriteString("}\n")
	return b.String()
}

// isolation is one direction's chains, and which chain judges each isolated pod.
type isolation struct {
	chains   string
	verdicts []string
}

func (i isolation) dispatch(field string) string {
	if len(i.verdicts) == 0 {
		return ""
	}
	return fmt.Sprintf("    ip %s vmap { %s }\n", field, strings.Join(i.verdicts, ", "))
}

// isolate finds the local pods that policies isolate in one direction. Pods under the same policies share a chain, and a
// policy's rules are written once however many pods it selects.
func isolate(c Cluster, direction netv1.PolicyType) isolation {
	policies := slices.DeleteFunc(slices.Clone(c.Policies), func(p *netv1.NetworkPolicy) bool {
		return !slices.Contains(p.Spec.PolicyTypes, direction)
	})
	slices.SortFunc(policies, func(a, b *netv1.NetworkPolicy) int { return strings.Compare(key(a), key(b)) })

	var result isolation
	var chains strings.Builder
	written := map[string]bool{}
	for _, e := range c.Endpoints {
		if !e.Local {
			continue
		}
		var jumps, keys strings.Builder
		for _, p := range policies {
			if p.Namespace != e.Namespace || !matches(&p.Spec.PodSelector, e.Labels) {
				continue
			}
			name := chainName("policy", direction, key(p))
			if !written[name] {
				written[name] = true
				fmt.Fprintf(&chains, "  chain %s { # %s\n%s  }\n", name, key(p), rules(c, p, direction))
			}
			fmt.Fprintf(&jumps, "    jump %s\n", name)
			keys.WriteString(key(p) + " ")
		}
		if jumps.Len() == 0 {
			continue
		}
		name := chainName("pods", direction, keys.String())
		if !written[name] {
			written[name] = true
			fmt.Fprintf(&chains, "  chain %s {\n%s    counter drop\n  }\n", name, jumps.String())
		}
		result.verdicts = append(result.verdicts, e.IP+" : goto "+name)
	}
	result.chains = chains.String()
	return result
}

func key(p *netv1.NetworkPolicy) string { return p.Namespace + "/" + p.Name }

// chainName is short and the same for the same key: names in nftables are limited, Kubernetes' are longer.
func chainName(kind string, direction netv1.PolicyType, key string) string {
	h := fnv.New64a()
	h.Write([]byte(key))
	return fmt.Sprintf("%s-%s-%016x", strings.ToLower(string(direction)), kind, h.Sum64())
}

// set is an anonymous nftables set; its order doesn't depend on the input's, so that equal rulesets are equal texts.
func set(elements []string) string {
	sorted := slices.Clone(elements)
	slices.Sort(sorted)
	return "{ " + strings.Join(slices.Compact(sorted), ", ") + " }"
}
