# shellcheck shell=bash
# Debian packages of this machine. Source it, after cache.sh.

# install_packages NAME…: by apt-get. One at a time: apt-get waits for dpkg's lock if told to, but never for the lock of
# its lists, so two steps that both start with an update would fail.
install_packages() {
  (
    flock 7
    export DEBIAN_FRONTEND=noninteractive
    echo "progress: package lists" >&2
    apt-get -q -o DPkg::Lock::Timeout=300 update
    echo "progress: installing $*" >&2
    apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
  ) 7>"${TMPDIR:-/tmp}/dormouse-apt.lock" >&2
}
