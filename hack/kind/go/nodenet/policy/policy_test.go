package policy

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

var (
	web    = Endpoint{IP: "100.64.1.2", Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}, Local: true, Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}}
	db     = Endpoint{IP: "100.64.0.3", Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}, Ports: []corev1.ContainerPort{{Name: "sql", ContainerPort: 5432, Protocol: corev1.ProtocolTCP}}}
	probe  = Endpoint{IP: "100.64.0.4", Namespace: "monitoring", Name: "probe", Labels: map[string]string{"app": "probe"}}
	ranges = []string{"100.64.0.0/23", "100.64.2.0/23"}
)

func cluster(policies ...*netv1.NetworkPolicy) Cluster {
	return Cluster{
		Endpoints:  []Endpoint{web, db, probe},
		Namespaces: map[string]map[string]string{"shop": {"team": "shop"}, "monitoring": {"team": "ops"}},
		Policies:   policies,
		PodCIDR:    ranges[0],
		NodeCIDRs:  ranges,

		ServiceCIDR: "100.65.0.0/16",
	}
}

func selects(labels map[string]string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: labels}
}

func forWeb(spec netv1.NetworkPolicySpec) *netv1.NetworkPolicy {
	spec.PodSelector = *selects(web.Labels)
	if spec.PolicyTypes == nil {
		spec.PolicyTypes = []netv1.PolicyType{netv1.PolicyTypeIngress}
	}
	return &netv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}, Spec: spec}
}

func port(value intstr.IntOrString) []netv1.NetworkPolicyPort {
	return []netv1.NetworkPolicyPort{{Port: &value}}
}

// has fails unless some line of the ruleset is exactly this.
func has(t *testing.T, ruleset, line string) {
	t.Helper()
	for _, l := range strings.Split(ruleset, "\n") {
		if strings.TrimSpace(l) == line {
			return
		}
	}
	t.Errorf("no line %q in\n%s", line, ruleset)
}

func hasNot(t *testing.T, ruleset, text string) {
	t.Helper()
	if strings.Contains(ruleset, text) {
		t.Errorf("%q in\n%s", text, ruleset)
	}
}

func TestWithoutPoliciesOnlyUnknownAddressesAreDropped(t *testing.T) {
	r := Render(cluster())
	has(t, r, "ip saddr 100.64.0.0/23 ip saddr != { 100.64.1.2 } counter drop")
	hasNot(t, r, "vmap")
}

func TestANodeWithoutPodsDropsItsWholeRange(t *testing.T) {
	has(t, Render(Cluster{PodCIDR: ranges[0], NodeCIDRs: ranges}), "ip saddr 100.64.0.0/23 counter drop")
}

func TestAServiceWithoutPodsIsNotLookedForOutside(t *testing.T) {
	r := Render(cluster())
	for _, hook := range []string{"forward", "output"} {
		has(t, r, "type filter hook "+hook+" priority 10; policy accept;")
	}
	if strings.Count(r, "ip daddr 100.65.0.0/16 counter reject\n") != 2 {
		t.Errorf("not refused from pods and from the node:\n%s", r)
	}
}

func TestAPolicyWithoutRulesDropsEverything(t *testing.T) {
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{})))
	if !strings.Contains(r, "ip daddr vmap { 100.64.1.2 : goto ingress-pods-") {
		t.Errorf("web is not isolated:\n%s", r)
	}
	hasNot(t, r, "ip saddr vmap") // its egress is as free as before
}

func TestAPolicyIsolatesOnlyPodsOfItsNamespaceOnThisNode(t *testing.T) {
	p := forWeb(netv1.NetworkPolicySpec{})
	p.Namespace = "monitoring"
	hasNot(t, Render(cluster(p)), "vmap")
	p = forWeb(netv1.NetworkPolicySpec{})
	p.Spec.PodSelector = *selects(db.Labels) // runs elsewhere
	hasNot(t, Render(cluster(p)), "vmap")
}

func TestAnEmptyRuleAllowsEverybody(t *testing.T) {
	has(t, Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{}}}))), "accept")
}

func TestAPeerBySelectorIsOfTheSameNamespace(t *testing.T) {
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{
		From: []netv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{}}}, Ports: port(intstr.FromInt32(80)),
	}}})))
	has(t, r, "ip saddr { 100.64.0.3, 100.64.1.2 } tcp dport 80 accept")
}

func TestAPeerByNamespaceLabelsIsAnyPodThere(t *testing.T) {
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{
		From: []netv1.NetworkPolicyPeer{{NamespaceSelector: selects(map[string]string{"team": "ops"})}},
	}}})))
	has(t, r, "ip saddr { 100.64.0.4 } accept")
}

func TestAPeerByBothSelectorsIsTheirIntersection(t *testing.T) {
	in := func(namespace, app string) netv1.NetworkPolicyPeer {
		return netv1.NetworkPolicyPeer{
			NamespaceSelector: selects(map[string]string{"team": namespace}),
			PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{app, "another"}},
			}},
		}
	}
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{
		PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
		Egress: []netv1.NetworkPolicyEgressRule{
			{To: []netv1.NetworkPolicyPeer{in("shop", "db"), in("ops", "db"), in("shop", "probe")}, Ports: port(intstr.FromInt32(8083))},
		},
	})))
	has(t, r, "ip daddr { 100.64.0.3 } tcp dport 8083 accept")
	if n := strings.Count(r, "dport 8083"); n != 1 {
		t.Errorf("%d rules, but db of shop alone is meant:\n%s", n, r)
	}
}

func TestAPeerThatMatchesNobodyAllowsNobody(t *testing.T) {
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{
		From: []netv1.NetworkPolicyPeer{{PodSelector: selects(map[string]string{"app": "nobody"})}},
	}}})))
	for _, line := range strings.Split(r, "\n") {
		if strings.TrimSpace(line) == "accept" {
			t.Errorf("a rule for nobody accepts everybody:\n%s", r)
		}
	}
}

func TestAnAddressBlockLeavesOutItsExceptions(t *testing.T) {
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{
		PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
		Egress: []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{
			{IPBlock: &netv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8", "169.254.169.254/32"}}},
			{IPBlock: &netv1.IPBlock{CIDR: "fd00::/8"}},
		}}},
	})))
	has(t, r, "ip daddr 0.0.0.0/0 ip daddr != 10.0.0.0/8 ip daddr != 169.254.169.254/32 accept")
	hasNot(t, r, "fd00")
}

func TestANamedPortIsTheReceiversOwnNumber(t *testing.T) {
	ingress := Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{Ports: port(intstr.FromString("http"))}}})))
	has(t, ingress, "ip daddr { 100.64.1.2 } tcp dport 8080 accept")
	egress := Render(cluster(forWeb(netv1.NetworkPolicySpec{
		PolicyTypes: []netv1.PolicyType{netv1.PolicyTypeEgress},
		Egress:      []netv1.NetworkPolicyEgressRule{{To: []netv1.NetworkPolicyPeer{{PodSelector: selects(db.Labels)}}, Ports: port(intstr.FromString("sql"))}},
	})))
	has(t, egress, "ip daddr { 100.64.0.3 } ip daddr { 100.64.0.3 } tcp dport 5432 accept")
}

func TestAPortRangeAndAnotherProtocol(t *testing.T) {
	udp, end := corev1.ProtocolUDP, int32(6000)
	r := Render(cluster(forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{Ports: []netv1.NetworkPolicyPort{
		{Protocol: &udp, Port: &intstr.IntOrString{IntVal: 5000}, EndPort: &end}, {Protocol: &udp},
	}}}})))
	has(t, r, "udp dport 5000-6000 accept")
	has(t, r, "meta l4proto udp accept")
}

func TestPodsUnderTheSamePoliciesShareOneChain(t *testing.T) {
	c := cluster(forWeb(netv1.NetworkPolicySpec{}))
	second := web
	second.IP, second.Name = "100.64.1.9", "web-2"
	c.Endpoints = append(c.Endpoints, second)
	if n := strings.Count(Render(c), "  chain ingress-pods-"); n != 1 {
		t.Errorf("%d chains", n)
	}
}

func TestTheOrderOfWhatIsKnownDoesNotMatter(t *testing.T) {
	allow := forWeb(netv1.NetworkPolicySpec{Ingress: []netv1.NetworkPolicyIngressRule{{From: []netv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}}})
	other := forWeb(netv1.NetworkPolicySpec{})
	other.Name = "a"
	a, b := cluster(allow, other), cluster(other, allow)
	b.Endpoints = []Endpoint{probe, db, web}
	if Render(a) != Render(b) {
		t.Errorf("%s\nand\n%s", Render(a), Render(b))
	}
}
