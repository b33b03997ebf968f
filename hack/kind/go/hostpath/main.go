// Command hostpath is a CSI driver whose volumes are directories of the node it runs on. It stands in for the usual
// csi-driver-host-path, which can't be had as a Go module. Snapshots and clones are copies (reflinks where the file
// system has them). Sizes are recorded, not enforced: a volume can fill the node's disk. For test clusters.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

func main() {
	log.SetFlags(0) // the journal has the time
	name := flag.String("name", "hostpath.dormouse.dev", "the driver's name, as storage classes say it")
	node := flag.String("node", "", "the name of this node")
	dir := flag.String("dir", "/var/lib/hostpath", "where volumes and snapshots are kept")
	kubelet := flag.String("kubelet", "/var/lib/kubelet", "the kubelet's directory")
	flag.Parse()
	if err := run(*name, *node, *dir, *kubelet); err != nil {
		log.Fatal(err)
	}
}

func run(name, node, dir, kubelet string) error {
	store, err := newStore(dir)
	if err != nil {
		return err
	}
	d := &driver{name: name, node: node, store: store}
	socket := filepath.Join(kubelet, "plugins", name, "csi.sock")
	driverListener, err := listen(socket)
	if err != nil {
		return err
	}
	registrationListener, err := listen(filepath.Join(kubelet, "plugins_registry", name+"-reg.sock"))
	if err != nil {
		return err
	}

	server := grpc.NewServer(grpc.UnaryInterceptor(logFailures))
	csi.RegisterIdentityServer(server, d)
	csi.RegisterControllerServer(server, d)
	csi.RegisterNodeServer(server, d)
	registrar := grpc.NewServer()
	errs := make(chan error, 3)
	registration.RegisterRegistrationServer(registrar, registrationServer{name: name, socket: socket, refused: errs})

	go func() { errs <- server.Serve(driverListener) }()
	go func() { errs <- registrar.Serve(registrationListener) }()
	return <-errs
}

func listen(socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o750); err != nil {
		return nil, err
	}
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("removing the socket of an earlier run: %w", err)
	}
	return net.Listen("unix", socket)
}

func logFailures(ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	began := time.Now()
	response, err := handle(ctx, request)
	if err != nil {
		log.Printf("%s failed after %v: %v", info.FullMethod, time.Since(began), err)
	}
	return response, err
}

// registrationServer tells the kubelet, which watches for its socket, where the driver is.
type registrationServer struct {
	registration.UnimplementedRegistrationServer
	name, socket string
	// refused gets an error when the kubelet could not register the driver, as when the API server is away. It doesn't try
	// again until the socket is a new one: the driver must end, and be started again.
	refused chan<- error
}

func (r registrationServer) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{Type: registration.CSIPlugin, Name: r.name, Endpoint: r.socket, SupportedVersions: []string{"1.0.0"}}, nil
}

func (r registrationServer) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	if !s.PluginRegistered {
		r.refused <- fmt.Errorf("the kubelet refused the driver: %s", s.Error)
	}
	return &registration.RegistrationStatusResponse{}, nil
}
