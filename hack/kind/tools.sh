#!/usr/bin/env bash
# Puts kubectl, helm and kind into the cache's bin directory.
#
#   tools.sh stock    only those that aren't on PATH
#   tools.sh source   all, and compiles what a node made from source needs
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"
bin=$DORMOUSE_CACHE/bin
mkdir -p "$bin"

link() { # NAME TARGET, replaced at once
  ln -s "$2" "$bin/.$1.$$"
  mv -fT "$bin/.$1.$$" "$bin/$1"
}

case ${1:-} in
  stock)
    missing=()
    for name in kubectl helm kind; do
      rm -f "$bin/$name" # of an earlier choice; the user's own goes first
      command -v "$name" >/dev/null || missing+=("$name")
    done
    rm -f "$bin/docker"
    if ((${#missing[@]})); then "$here/programs.sh" build "${missing[@]}"; fi
    for name in "${missing[@]}"; do link "$name" "$("$here/programs.sh" path "$name")"; done
    ;;
  source)
    # helm and kubectl first: who waits for tools alone can go on.
    "$here/programs.sh" build helm kind components coredns csi-provisioner csi-snapshotter hostpath nodenet nodenet-cni pause snapshot-controller
    link kubectl "$("$here/programs.sh" path components)"
    for name in helm kind; do link "$name" "$("$here/programs.sh" path "$name")"; done
    ;;
  *)
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
