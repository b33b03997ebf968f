#!/usr/bin/env bash
# Makes the file system of a base image as a tar.
#
#   base.sh runtime|workspace|programs OUT.tar NODE
#
# Where Docker answers and can pull: base.Containerfile, with NODE as its Node.js binary in it. Else: mmdebstrap, without NODE.
# Prints which it was: "docker" or "mmdebstrap".
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"
# shellcheck source=../lib/packages.sh
source "$here/../lib/packages.sh"

target=$1 out=$2 node=$3
image=debian:bookworm-slim

can_pull() {
  docker image inspect "$image" >/dev/null 2>&1 || timeout 60 docker pull --quiet "$image" >/dev/null 2>&1
}

with_docker() {
  local context container name=dormouse.dev/base-$target:building
  context=$(mktemp -d)
  trap 'rm -rf "$context"' EXIT
  cp "$here"/{packages.txt,criu.sh,no-io-uring.c,sysv-shm.c,base.Containerfile} "$context"
  cp "$node" "$context/node"
  DOCKER_BUILDKIT=1 docker build --progress plain --file "$context/base.Containerfile" --target "$target" --tag "$name" "$context" >&2
  container=$(docker create "$name" true)
  docker export --output "$out" "$container"
  docker rm "$container" >/dev/null
  docker rmi "$name" >/dev/null
}

# packages IMAGE: those of the image; "programs" is the workspace's with more.
packages() { awk -v image="$1" '$1 == image || (image == "programs" && $1 == "workspace") { print $2 }' "$here/packages.txt" | paste -sd ,; }

# criu_of OUT: criu out of the next Debian. What is signed there is good for a week, and testing may not be released for longer.
criu_of() {
  local debian
  debian=$(mktemp -d)
  mmdebstrap --variant=extract --include="$(packages criu)" --aptopt='APT::Install-Recommends "false"' \
    --aptopt='Acquire::Check-Valid-Until "false"' forky "$debian" \
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian forky main" >&2
  cp "$here"/*.c "$debian"
  "$here/criu.sh" "$debian" "$1"
  rm -rf "$debian"
}

with_mmdebstrap() {
  if ! command -v mmdebstrap >/dev/null || [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
    if ((EUID)) || ! command -v apt-get >/dev/null; then
      echo "There is no Docker here that can pull $image, and without it a base image can only be made on Debian or Ubuntu as root." >&2
      exit 1
    fi
    install_packages mmdebstrap debian-archive-keyring
  fi
  # extract: unpacked packages and nothing else. apt: what Debian calls essential, and apt for images made FROM it.
  local variant=apt more=() criu
  if [[ $target == runtime ]]; then
    variant=extract
  else
    criu=$(mktemp -d)
    criu_of "$criu/criu"
    more=(--customize-hook="copy-in '$criu/criu' /opt")
  fi
  # The times of the epoch, and nothing of this machine: the same packages make the same bytes.
  # shellcheck disable=SC2016 # $1 is the new root, for mmdebstrap to fill in
  SOURCE_DATE_EPOCH=0 mmdebstrap --variant="$variant" --skip=output/dev \
    --include="$(packages "$target")" \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/lib/*/libLLVM*' \
    --customize-hook='rm -rf "$1/etc/resolv.conf" "$1/etc/hostname" "$1"/var/cache/debconf/*-old "$1"/var/log/* "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"' \
    --customize-hook='if [ -d "$1/etc/apt" ]; then echo "deb http://deb.debian.org/debian bookworm main" >"$1/etc/apt/sources.list"; fi' \
    "${more[@]}" bookworm "$out" >&2
  if [[ -n ${criu:-} ]]; then rm -rf "$criu"; fi
}

if docker version >/dev/null 2>&1 && can_pull; then
  with_docker
  echo docker
else
  with_mmdebstrap
  echo mmdebstrap
fi
