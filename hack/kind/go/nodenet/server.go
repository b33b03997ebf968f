package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"dormouse.dev/kind/nodenet/attachment"
)

// serve answers the plugin, on a socket that only root may use.
//
//	POST /attach {Container, Pod, IP}   returns when the pod's policies are in place
//	POST /detach {Container}
func serve(ctx context.Context, a *attachments, e *enforcer, v *view) error {
	if err := os.Remove(attachment.Socket); err != nil && !os.IsNotExist(err) {
		return err
	}
	listener, err := net.Listen("unix", attachment.Socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(attachment.Socket, 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /attach", func(w http.ResponseWriter, r *http.Request) {
		var at attachment.Attachment
		if err := json.NewDecoder(r.Body).Decode(&at); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := v.awaitPod(r.Context(), at.Pod); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		a.add(at)
		if err := e.enforce(r.Context()); err != nil {
			http.Error(w, fmt.Sprintf("enforcing the policies of %s/%s: %v", at.Pod.Namespace, at.Pod.Name, err), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /detach", func(w http.ResponseWriter, r *http.Request) {
		var at attachment.Attachment
		if err := json.NewDecoder(r.Body).Decode(&at); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		a.remove(at.Container)
		poke(v.policyChanged) // nothing waits for it: the address is nobody's
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	return server.Serve(listener)
}

// awaitPod waits until the view has a pod: the kubelet may have seen it a moment earlier.
func (v *view) awaitPod(ctx context.Context, name attachment.PodName) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		_, err := v.pods.Pods(name.Namespace).Get(name.Name)
		if err == nil || !apierrors.IsNotFound(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server has not told this node of pod %s/%s", name.Namespace, name.Name)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
