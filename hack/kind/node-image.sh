#!/usr/bin/env bash
# Builds the node image of kind from the cached programs and file system, in the engine that DOCKER_HOST names.
#
#   node-image.sh build   makes sure that it is there
#   node-image.sh name    its name; the tag is the content of everything that it is made from
#
# Nothing is pulled: the images of the control plane are made here as well, and are in the node image when it starts.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"

programs=(components coredns csi-provisioner csi-snapshotter hostpath nodenet nodenet-cni pause snapshot-controller)

version=$("$here/programs.sh" version)
rootfs=$("$here/rootfs.sh" path)
# A program's and the file system's paths have their hashes in them.
name=dormouse.dev/node:$version-$(
  { for p in "${programs[@]}"; do "$here/programs.sh" path "$p"; done; echo "$rootfs"; } |
    sed "s|$DORMOUSE_CACHE||" | content_hash - "$here/node" "$here/node-image.sh"
)

exists() { docker image inspect "$1" >/dev/null 2>&1; }

module_directory() { # MODULE
  (cd "$here/go" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",*/\1/p'
}

# The files of kind's own node image (entrypoint, units, containerd's configuration), from the module that kind is built from.
copy_kind_files() { cp -r --no-preserve=mode "$(module_directory sigs.k8s.io/kind)/images/base/files" "$1"; }

# The definitions of VolumeSnapshot and what goes with it, from the module that the snapshotter is built with.
copy_snapshot_definitions() {
  cp --no-preserve=mode "$(module_directory github.com/kubernetes-csi/external-snapshotter/client/v8)"/config/crd/snapshot.storage.k8s.io_*.yaml "$1"
}

build() {
  if exists "$name"; then return; fi
  local context base p
  base=dormouse.dev/node-base:$(basename "$rootfs" .tar)
  if ! exists "$base"; then
    echo "progress: importing the file system"
    docker import "$rootfs" "$base" >/dev/null
  fi

  context=$(cache_temporary)
  cp -r "$here/node/." "$context"
  for p in "${programs[@]}"; do cp "$("$here/programs.sh" path "$p")" "$context/$p"; done
  copy_kind_files "$context/files"
  copy_snapshot_definitions "$context/manifests/snapshots"

  echo "progress: images of the control plane"
  ln -s components "$context/kubeadm"
  local images=() image target pause
  mapfile -t images < <("$context/kubeadm" config images list --kubernetes-version "$version")
  for target in kubernetes coredns pause; do
    docker build -q --file "$context/control-plane.Containerfile" --build-arg "BASE=$base" --target "$target" --tag "dormouse.dev/$target:building" "$context" >/dev/null
  done
  for image in "${images[@]}"; do
    case $image in
      */coredns:*) target=coredns ;;
      */pause:*) target=pause pause=$image ;;
      *) target=kubernetes ;;
    esac
    docker tag "dormouse.dev/$target:building" "$image"
  done
  docker save --output "$context/images.tar" "${images[@]}"

  echo "progress: the node image"
  docker build --file "$context/node.Containerfile" --build-arg "BASE=$base" --build-arg "VERSION=$version" --build-arg "PAUSE=$pause" --tag "$name" "$context"
  docker rmi "${images[@]}" dormouse.dev/{kubernetes,coredns,pause}:building >/dev/null
  rm -rf "$context"
  forget_older
}

# Each node image is about a gigabyte. One that a cluster runs on can't be removed, which is right.
forget_older() {
  local older
  for older in $(docker images --format '{{.Repository}}:{{.Tag}}' dormouse.dev/node); do
    if [[ $older != "$name" ]]; then docker rmi "$older" || true; fi
  done
  docker image prune --force --filter label=dev.dormouse.stage >/dev/null
}

case ${1:-} in
  build) build ;;
  name) echo "$name" ;;
  *)
    sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
