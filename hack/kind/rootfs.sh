#!/usr/bin/env bash
# Makes the file system that a node image starts from, a Debian with what kind expects in a node, as a tar in the cache.
#
#   rootfs.sh build   makes sure that it is there
#   rootfs.sh path    where it is
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"
# shellcheck source=../lib/packages.sh
source "$here/../lib/packages.sh"

suite=bookworm
packages=(
  systemd systemd-sysv dbus containerd runc containernetworking-plugins # the node itself
  iptables nftables ebtables conntrack ethtool iproute2 kmod            # kube-proxy, nodenet and the CNI plugins
  socat                                                                 # kubectl port-forward, through containerd 1.6
  mount util-linux util-linux-extra e2fsprogs                           # volumes
  jq rsync curl procps psmisc ca-certificates                           # kind's entrypoint, and people who look inside
)

path="$DORMOUSE_CACHE/rootfs/$(content_hash - <<<"$suite ${packages[*]}").tar"

build() {
  if [[ -s $path ]]; then return; fi
  if ! command -v mmdebstrap >/dev/null || [[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then
    install_packages mmdebstrap debian-archive-keyring
  fi
  local made
  made=$(cache_temporary)
  echo "progress: Debian $suite, ${#packages[@]} packages"
  mmdebstrap --variant=essential --include="$(IFS=,; echo "${packages[*]}")" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    "$suite" "$made/rootfs.tar"
  cache_put "$made/rootfs.tar" "$path"
  rm -rf "$made"
}

case ${1:-} in
  build) build ;;
  path) echo "$path" ;;
  *)
    sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
