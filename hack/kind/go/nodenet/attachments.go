package main

import (
	"sync"

	"dormouse.dev/kind/nodenet/attachment"
)

// attachments are the sandboxes that the plugin told of since this program started. Those before it are known by the
// addresses in their pods' statuses.
type attachments struct {
	mu          sync.Mutex
	byContainer map[string]attachment.Attachment
}

func newAttachments() *attachments {
	return &attachments{byContainer: map[string]attachment.Attachment{}}
}

func (a *attachments) add(at attachment.Attachment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.byContainer[at.Container] = at
}

func (a *attachments) remove(container string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.byContainer, container)
}

// pods are the pods by the addresses that they were given.
func (a *attachments) pods() map[string]attachment.PodName {
	a.mu.Lock()
	defer a.mu.Unlock()
	result := make(map[string]attachment.PodName, len(a.byContainer))
	for _, at := range a.byContainer {
		result[at.IP] = at.Pod
	}
	return result
}
