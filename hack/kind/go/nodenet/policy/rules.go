package policy

import (
	"fmt"
	"strings"

	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// rules are the lines that accept what a policy allows in one direction.
func rules(c Cluster, p *netv1.NetworkPolicy, direction netv1.PolicyType) string {
	var b strings.Builder
	if direction == netv1.PolicyTypeEgress {
		for _, r := range p.Spec.Egress {
			for _, peer := range peers(c, p.Namespace, r.To, "daddr") {
				accept(&b, peer.match, ports(r.Ports, peer.endpoints))
			}
		}
		return b.String()
	}
	// A port's name means what the pods that receive call so.
	receivers := selected(c, p.Namespace, nil, &p.Spec.PodSelector)
	for _, r := range p.Spec.Ingress {
		for _, peer := range peers(c, p.Namespace, r.From, "saddr") {
			accept(&b, peer.match, ports(r.Ports, receivers))
		}
	}
	return b.String()
}

func accept(b *strings.Builder, peer string, ports []string) {
	for _, port := range ports {
		fmt.Fprintf(b, "    %s\n", strings.Join(strings.Fields(peer+" "+port+" accept"), " "))
	}
}

// peer is a match on the other side's address, and the pods behind it where they are known.
type peer struct {
	match     string
	endpoints []Endpoint
}

// peers resolves the peers of one rule. No peers at all means everybody; a peer that is nobody has no match.
func peers(c Cluster, namespace string, specs []netv1.NetworkPolicyPeer, field string) []peer {
	if len(specs) == 0 {
		return []peer{{match: "", endpoints: c.Endpoints}}
	}
	var result []peer
	for _, spec := range specs {
		if block := spec.IPBlock; block != nil {
			if strings.Contains(block.CIDR, ":") {
				continue
			}
			match := "ip " + field + " " + block.CIDR
			for _, except := range block.Except {
				match += " ip " + field + " != " + except
			}
			result = append(result, peer{match: match, endpoints: c.Endpoints})
			continue
		}
		endpoints := selected(c, namespace, spec.NamespaceSelector, spec.PodSelector)
		if len(endpoints) > 0 {
			result = append(result, peer{match: "ip " + field + " " + set(addresses(endpoints)), endpoints: endpoints})
		}
	}
	return result
}

// selected are the pods of the namespaces that a selector matches (nil: the policy's own) whose labels match (nil: all).
func selected(c Cluster, namespace string, namespaces, pods *metav1.LabelSelector) []Endpoint {
	var result []Endpoint
	for _, e := range c.Endpoints {
		if namespaces == nil {
			if e.Namespace != namespace {
				continue
			}
		} else if !matches(namespaces, c.Namespaces[e.Namespace]) {
			continue
		}
		if pods == nil || matches(pods, e.Labels) {
			result = append(result, e)
		}
	}
	return result
}

func addresses(endpoints []Endpoint) []string {
	result := make([]string, len(endpoints))
	for i, e := range endpoints {
		result[i] = e.IP
	}
	return result
}

// ports are the matches of a rule's ports: one that is empty if any port will do, none if nobody has a port of that name.
func ports(specs []netv1.NetworkPolicyPort, receivers []Endpoint) []string {
	if len(specs) == 0 {
		return []string{""}
	}
	var result []string
	for _, spec := range specs {
		protocol := "tcp"
		if spec.Protocol != nil {
			protocol = strings.ToLower(string(*spec.Protocol))
		}
		switch {
		case spec.Port == nil:
			result = append(result, "meta l4proto "+protocol)
		case spec.Port.Type == intstr.String:
			result = append(result, named(spec.Port.StrVal, protocol, receivers)...)
		case spec.EndPort != nil:
			result = append(result, fmt.Sprintf("%s dport %d-%d", protocol, spec.Port.IntVal, *spec.EndPort))
		default:
			result = append(result, fmt.Sprintf("%s dport %d", protocol, spec.Port.IntVal))
		}
	}
	return result
}

// named resolves a port's name, which each pod may give to another number.
func named(name, protocol string, receivers []Endpoint) []string {
	byNumber := map[int32][]string{}
	var numbers []int32 // in the order of appearance
	for _, e := range receivers {
		for _, port := range e.Ports {
			if port.Name != name || !strings.EqualFold(string(port.Protocol), protocol) {
				continue
			}
			if byNumber[port.ContainerPort] == nil {
				numbers = append(numbers, port.ContainerPort)
			}
			byNumber[port.ContainerPort] = append(byNumber[port.ContainerPort], e.IP)
		}
	}
	var result []string
	for _, number := range numbers {
		result = append(result, fmt.Sprintf("ip daddr %s %s dport %d", set(byNumber[number]), protocol, number))
	}
	return result
}

// matches says whether a selector selects an object with these labels. One that doesn't parse selects nothing: the API
// server doesn't let it through.
func matches(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}
