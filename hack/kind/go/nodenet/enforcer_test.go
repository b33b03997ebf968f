package main

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"dormouse.dev/kind/nodenet/attachment"
)

func pod(name, node, ip string, phase corev1.PodPhase) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name},
		Spec:       corev1.PodSpec{NodeName: node},
		Status:     corev1.PodStatus{PodIP: ip, Phase: phase},
	}
}

func TestAStartingPodIsKnownByTheAddressThatThePluginGave(t *testing.T) {
	got := endpoints([]*corev1.Pod{pod("new", "here", "", corev1.PodPending)}, map[string]attachment.PodName{"100.64.0.2": {Namespace: "ns", Name: "new"}}, "here")
	if len(got) != 1 || got[0].IP != "100.64.0.2" || !got[0].Local {
		t.Errorf("got %+v", got)
	}
}

func TestAnAddressThatWentToAnotherPodIsTheNewOnes(t *testing.T) {
	pods := []*corev1.Pod{pod("old", "here", "100.64.0.2", corev1.PodRunning), pod("new", "here", "", corev1.PodPending)}
	got := endpoints(pods, map[string]attachment.PodName{"100.64.0.2": {Namespace: "ns", Name: "new"}}, "here")
	if len(got) != 1 || got[0].Name != "new" {
		t.Errorf("got %+v", got)
	}
}

func TestAFinishedPodHasNoAddress(t *testing.T) {
	if got := endpoints([]*corev1.Pod{pod("done", "here", "100.64.0.2", corev1.PodSucceeded)}, nil, "here"); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

func TestAPodOfTheSameNameOnAnotherNodeIsNotThisAttachment(t *testing.T) {
	got := endpoints([]*corev1.Pod{pod("p", "there", "100.64.2.2", corev1.PodRunning)}, map[string]attachment.PodName{"100.64.0.2": {Namespace: "ns", Name: "p"}}, "here")
	if len(got) != 1 || got[0].IP != "100.64.2.2" || got[0].Local {
		t.Errorf("got %+v", got)
	}
}
