// Package attachment is what the CNI plugin tells the node's nodenet, in JSON over HTTP on a Unix socket.
package attachment

// Socket is where nodenet listens. Only root may use it.
const Socket = "/run/nodenet.sock"

// PodName is a pod by namespace and name: of what a plugin learns, that is what the API server has as well.
type PodName struct{ Namespace, Name string }

// Attachment is a pod's sandbox that has been given an address on this node.
type Attachment struct {
	Container string
	Pod       PodName
	IP        string
}
