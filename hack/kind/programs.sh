#!/usr/bin/env bash
# Compiles programs of the Go module beside this file into the cache, all that are missing in one go.
#
#   programs.sh build NAME…   makes sure that they are there
#   programs.sh path NAME     where one is (whether or not it is there)
#
# Each is cached by the content of what it is made from, so a change to one program doesn't compile the others.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"

version=$(sed -n 's/^\tk8s.io\/kubernetes => k8s.io\/kubernetes //p' "$here/go/go.mod")
minor=${version#v1.}
linker_flags="-s -w -X k8s.io/component-base/version.gitVersion=$version -X k8s.io/component-base/version.gitMajor=1"
linker_flags+=" -X k8s.io/component-base/version.gitMinor=${minor%%.*} -X k8s.io/component-base/version.gitTreeState=clean"
linker_flags+=" -X helm.sh/helm/v4/internal/version.version=$(sed -n 's/^\thelm.sh\/helm\/v4 \(v[^ ]*\).*/\1/p' "$here/go/go.mod")"

package_of() {
  case $1 in
    csi-provisioner) echo github.com/kubernetes-csi/external-provisioner/v5/cmd/csi-provisioner ;;
    csi-snapshotter | snapshot-controller) echo "github.com/kubernetes-csi/external-snapshotter/v8/cmd/$1" ;;
    helm) echo helm.sh/helm/v4/cmd/helm ;;
    kind) echo sigs.k8s.io/kind ;;
    nodenet-cni) echo ./nodenet/nodenet-cni ;;
    kubectl) echo k8s.io/kubernetes/cmd/kubectl ;;
    *) echo "./$1" ;;
  esac
}

path_of() {
  local inputs=("$here/go/go.mod" "$here/go/go.sum")
  if [[ -d $here/go/${1%-cni} ]]; then inputs+=("$here/go/${1%-cni}"); fi
  echo "$DORMOUSE_CACHE/programs/$1-$(content_hash - "${inputs[@]}" <<<"$linker_flags")/$1"
}

# Counts what the compiler says it has done. Packages that Go has cached are not among them, so the total is a ceiling.
count_packages() {
  local total=$1 done=0
  while read -r line; do
    if [[ $line == "go: "* || $line == *" "* ]]; then
      echo "$line" # downloads and complaints
      continue
    fi
    done=$((done + 1))
    if ((done % 10 == 0)); then echo "progress: $done of at most $total packages"; fi
  done
}

build() {
  local name missing=() packages=()
  local path
  for name in "$@"; do
    path=$(path_of "$name")
    if [[ -x $path ]]; then
      touch "$(dirname "$path")"
    else
      missing+=("$name")
      packages+=("$(package_of "$name")")
    fi
  done
  if ((${#missing[@]} == 0)); then return; fi
  if ! command -v go >/dev/null; then
    echo "There is no Go here to compile ${missing[*]} with. Install Go $(sed -n 's/^go //p' "$here/go/go.mod") or later (https://go.dev/dl), or put ${missing[*]} on PATH." >&2
    exit 1
  fi
  local made total
  made=$(cache_temporary)
  cd "$here/go"
  export CGO_ENABLED=0 # static: they run in images that have no C library
  echo "progress: fetching modules"
  total=$(go list -deps "${packages[@]}" | wc -l)
  echo "progress: at most $total packages"
  # What needs the processor now, such as tests, goes first.
  nice -n 10 go build -v -trimpath -buildvcs=false -ldflags "$linker_flags" -o "$made/" "${packages[@]}" 2>&1 | count_packages "$total"
  for name in "${missing[@]}"; do cache_put "$made/$name" "$(path_of "$name")"; done
  rm -rf "$made"
  cache_prune "$DORMOUSE_CACHE/programs/*"
}

case ${1:-} in
  build) build "${@:2}" ;;
  path) path_of "$2" ;;
  version) echo "$version" ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
