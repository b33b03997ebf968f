package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// driver answers CSI's three services for one node.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	name, node string
	store      *store
}

func (d *driver) topology() *csi.Topology {
	return &csi.Topology{Segments: map[string]string{"topology." + d.name + "/node": d.node}}
}

func (d *driver) GetPluginInfo(context.Context, *csi.GetPluginInfoRequest) (*csi.GetPluginInfoResponse, error) {
	return &csi.GetPluginInfoResponse{Name: d.name, VendorVersion: "1"}, nil
}

func (d *driver) GetPluginCapabilities(context.Context, *csi.GetPluginCapabilitiesRequest) (*csi.GetPluginCapabilitiesResponse, error) {
	response := &csi.GetPluginCapabilitiesResponse{}
	for _, t := range []csi.PluginCapability_Service_Type{csi.PluginCapability_Service_CONTROLLER_SERVICE, csi.PluginCapability_Service_VOLUME_ACCESSIBILITY_CONSTRAINTS} {
		response.Capabilities = append(response.Capabilities, &csi.PluginCapability{Type: &csi.PluginCapability_Service_{Service: &csi.PluginCapability_Service{Type: t}}})
	}
	return response, nil
}

func (d *driver) Probe(context.Context, *csi.ProbeRequest) (*csi.ProbeResponse, error) {
	return &csi.ProbeResponse{Ready: wrapperspb.Bool(true)}, nil
}

func (d *driver) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, t := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_SINGLE_NODE_MULTI_WRITER, // for ReadWriteOncePod
	} {
		response.Capabilities = append(response.Capabilities, &csi.ControllerServiceCapability{Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: t}}})
	}
	return response, nil
}

func (d *driver) CreateVolume(_ context.Context, request *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	r := record{ID: "v-" + request.Name, Size: request.GetCapacityRange().GetRequiredBytes(), Created: time.Now()}
	copyFrom := ""
	if s := request.GetVolumeContentSource().GetSnapshot(); s != nil {
		r.Source, copyFrom = s.SnapshotId, d.store.path(snapshots, s.SnapshotId)
		if _, err := d.store.get(snapshots, s.SnapshotId); err != nil {
			return nil, failure(err, "snapshot "+s.SnapshotId)
		}
	} else if v := request.GetVolumeContentSource().GetVolume(); v != nil {
		r.Source, copyFrom = v.VolumeId, d.store.path(volumes, v.VolumeId)
		if _, err := d.store.get(volumes, v.VolumeId); err != nil {
			return nil, failure(err, "volume "+v.VolumeId)
		}
	}
	r, err := d.store.create(volumes, r, copyFrom)
	if err != nil {
		return nil, failure(err, "volume "+r.ID)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: r.ID, CapacityBytes: r.Size, ContentSource: request.VolumeContentSource, AccessibleTopology: []*csi.Topology{d.topology()},
	}}, nil
}

func (d *driver) DeleteVolume(_ context.Context, request *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	if err := d.store.remove(volumes, request.VolumeId); err != nil {
		return nil, failure(err, "volume "+request.VolumeId)
	}
	return &csi.DeleteVolumeResponse{}, nil
}

func (d *driver) ValidateVolumeCapabilities(_ context.Context, request *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	if _, err := d.store.get(volumes, request.VolumeId); err != nil {
		return nil, failure(err, "volume "+request.VolumeId)
	}
	return &csi.ValidateVolumeCapabilitiesResponse{Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: request.VolumeCapabilities}}, nil
}

func (d *driver) CreateSnapshot(_ context.Context, request *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	source, err := d.store.get(volumes, request.SourceVolumeId)
	if err != nil {
		return nil, failure(err, "volume "+request.SourceVolumeId)
	}
	r, err := d.store.create(snapshots, record{ID: "s-" + request.Name, Source: source.ID, Size: source.Size, Created: time.Now()}, d.store.path(volumes, source.ID))
	if err != nil {
		return nil, failure(err, "snapshot "+r.ID)
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: r.ID, SourceVolumeId: r.Source, SizeBytes: r.Size, CreationTime: timestamppb.New(r.Created), ReadyToUse: true,
	}}, nil
}

func (d *driver) DeleteSnapshot(_ context.Context, request *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	if err := d.store.remove(snapshots, request.SnapshotId); err != nil {
		return nil, failure(err, "snapshot "+request.SnapshotId)
	}
	return &csi.DeleteSnapshotResponse{}, nil
}

// failure is an error as CSI says it: what isn't there is not worth another try.
func failure(err error, object string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return status.Errorf(codes.NotFound, "%s is not on this node", object)
	}
	return status.Errorf(codes.Internal, "%s: %v", object, err)
}
