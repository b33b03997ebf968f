#!/usr/bin/env bash
# Puts images into all nodes of a cluster: load.sh CLUSTER IMAGE…
#
# An image is a name in the engine, or the path of an archive (.tar, as docker save or an OCI layout). It keeps its name.
# A node that has the very same image already is passed over.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

cluster=$1
shift
mapfile -t nodes < <("$here/cluster.sh" nodes "$cluster")
if ((${#nodes[@]} == 0)); then
  echo "There is no cluster $cluster: hack/cluster up --name $cluster" >&2
  exit 1
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# has NODE NAME ID: whether the name means the image with this ID (the digest of its configuration) in the node.
# Images without a registry in their name are Docker Hub's to containerd.
has() {
  docker exec --interactive "$1" bash -s "$2" "$3" <<'IN_NODE'
    ctr() { command ctr --namespace k8s.io "$@"; }
    for name in "$1" "docker.io/$1" "docker.io/library/$1"; do
      manifest=$(ctr images ls "name==$name" | awk 'NR == 2 { print $3 }')
      if [[ -n $manifest && $(ctr content get "$manifest" | jq -r .config.digest) == "$2" ]]; then exit 0; fi
    done
    exit 1
IN_NODE
}

import() { docker exec --interactive "$1" ctr --namespace k8s.io images import --all-platforms --digests - <"$2"; }

for image in "$@"; do
  echo "progress: $image"
  lacking=("${nodes[@]}")
  archive=$image
  if [[ ! -f $image ]]; then
    if ! id=$(docker image inspect --format '{{.Id}}' "$image" 2>/dev/null); then
      echo "$image is neither a file nor an image in the engine at ${DOCKER_HOST:-its usual address}." >&2
      exit 1
    fi
    lacking=()
    for node in "${nodes[@]}"; do has "$node" "$image" "$id" 2>/dev/null || lacking+=("$node"); done
    if ((${#lacking[@]} == 0)); then continue; fi
    archive=$scratch/image.tar
    docker save --output "$archive" "$image"
  fi
  importing=()
  for node in "${lacking[@]}"; do
    import "$node" "$archive" &
    importing+=($!)
  done
  for pid in "${importing[@]}"; do wait "$pid"; done
done
