package main

import (
	"bufio"
	"context"
	"errors"
	"os"
	"strings"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
)

func (d *driver) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node, AccessibleTopology: d.topology()}, nil
}

func (d *driver) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	return &csi.NodeGetCapabilitiesResponse{Capabilities: []*csi.NodeServiceCapability{{
		// With it the kubelet and the provisioner say SINGLE_NODE_SINGLE_WRITER for ReadWriteOncePod.
		Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: csi.NodeServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER}},
	}}}, nil
}

func (d *driver) NodePublishVolume(_ context.Context, request *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	if _, err := d.store.get(volumes, request.VolumeId); err != nil {
		return nil, failure(err, "volume "+request.VolumeId)
	}
	mounted, err := isMountPoint(request.TargetPath)
	if err == nil && !mounted {
		err = bind(d.store.path(volumes, request.VolumeId), request.TargetPath, request.Readonly)
	}
	if err != nil {
		return nil, failure(err, "mounting volume "+request.VolumeId)
	}
	return &csi.NodePublishVolumeResponse{}, nil
}

func (d *driver) NodeUnpublishVolume(_ context.Context, request *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	mounted, err := isMountPoint(request.TargetPath)
	if err == nil && mounted {
		err = unix.Unmount(request.TargetPath, 0)
	}
	if err == nil {
		if err = os.Remove(request.TargetPath); os.IsNotExist(err) {
			err = nil
		}
	}
	if err != nil {
		return nil, failure(err, "unmounting volume "+request.VolumeId)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

func bind(from, to string, readonly bool) error {
	if err := os.MkdirAll(to, 0o750); err != nil {
		return err
	}
	if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	if !readonly {
		return nil
	}
	// A bind mount takes its flags only when it is mounted again.
	if err := unix.Mount("", to, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return errors.Join(err, unix.Unmount(to, 0))
	}
	return nil
}

func isMountPoint(path string) (bool, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return false, err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && fields[4] == path {
			return true, nil
		}
	}
	return false, nil
}
