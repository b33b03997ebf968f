# Puts the images of an archive into this file system's containerd. Runs while the node image is built.
set -euo pipefail
printf 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n' >/tmp/containerd.toml
containerd --config /tmp/containerd.toml &
for _ in $(seq 100); do
  if ctr version >/dev/null 2>&1; then break; fi
  sleep 0.1
done
# They are unpacked by the node at first use: an overlay can't be mounted here.
ctr --namespace k8s.io images import --no-unpack --all-platforms --digests "$1"
kill %1
wait
