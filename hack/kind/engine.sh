#!/usr/bin/env bash
# The Docker engine that the nodes run in: the machine's own where it answers, else a private one.
#
#   engine.sh host      the DOCKER_HOST of the engine to use; fails if there is none yet
#   engine.sh install   makes sure that Docker's programs are there (Debian's docker.io)
#   engine.sh start     makes sure that an engine answers
#   engine.sh stop      ends the private engine; another one is left alone
#
# The private engine has a data root, a socket and address ranges of its own, so it gets in nobody's way.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"
# shellcheck source=../lib/packages.sh
source "$here/../lib/packages.sh"
# shellcheck source=../lib/process.sh
source "$here/../lib/process.sh"

engine=$DORMOUSE_STATE/engine
socket=$engine/docker.sock
record=$engine/dockerd.process

# 198.18.0.0/15 is set aside for benchmarks (RFC 2544): unlike 10/8 or 172.16/12 it is hardly ever in use.
bridge_address=198.18.0.1/24
network_pool=base=198.19.0.0/16,size=24

answers() { DOCKER_HOST=$1 timeout 5 docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

host() {
  if process_alive "$record" >/dev/null && answers "unix://$socket"; then
    echo "unix://$socket"
  elif answers "$(usual_host)"; then
    usual_host
  else
    return 1
  fi
}

# Where the docker client of this machine would go by itself.
usual_host() {
  if [[ -n ${DOCKER_HOST:-} ]]; then
    echo "$DOCKER_HOST"
  else
    docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || echo unix:///var/run/docker.sock
  fi
}

install_docker() {
  if command -v dockerd containerd runc iptables docker >/dev/null && [[ -x $(command -v docker-proxy) ]]; then return; fi
  if ! command -v apt-get >/dev/null; then
    echo "No Docker engine answers, and one can only be installed here with apt-get, which this machine doesn't have. Install Docker: https://docs.docker.com/engine/install" >&2
    exit 1
  fi
  # A package must not start a daemon of its own here. This file is how Debian is told so; a file that is there already is somebody's.
  if [[ ! -e /usr/sbin/policy-rc.d ]]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
  fi
  install_packages docker.io containerd runc iptables
}

start() {
  if host >/dev/null; then return; fi
  if ((EUID)); then
    echo "No Docker engine answers, and only root can start one. Start Docker (https://docs.docker.com/engine/install), or run this as root." >&2
    exit 1
  fi
  install_docker
  local shim deadline
  # The client of the same age goes first on PATH: another one may lie around.
  mkdir -p "$DORMOUSE_CACHE/bin"
  ln -sfn "$(command -v /usr/bin/docker docker | head -1)" "$DORMOUSE_CACHE/bin/docker"
  "$here/programs.sh" build runc-shim
  mkdir -p "$engine/data"
  shim=$engine/runc-shim # a copy, because the cache may be emptied while the engine runs
  install -m 755 "$("$here/programs.sh" path runc-shim)" "$shim.new"
  mv "$shim.new" "$shim"
  if ((${#socket} > 100)); then
    echo "The path of the engine's socket is too long for a socket: $socket. Set DORMOUSE_STATE to a shorter one." >&2
    exit 1
  fi
  process_stop "$record" 20 # it lives but doesn't answer
  rm -f "$engine/docker.pid" "$socket" # of a killed engine or a machine that went down
  # Its own session: it outlives this shell. The lock file of whoever called us (fd 9) must not live as long.
  setsid dockerd --host "unix://$socket" --data-root "$engine/data" --exec-root "$engine/run" \
    --pidfile "$engine/docker.pid" --bip "$bridge_address" --default-address-pool "$network_pool" \
    --add-runtime "shim=$shim" --default-runtime shim --oom-score-adjust 0 \
    </dev/null >>"$engine/dockerd.log" 2>&1 9>&- &
  process_record "$record" $!
  deadline=$((SECONDS + 60))
  until answers "unix://$socket"; do
    if ! process_alive "$record" >/dev/null || ((SECONDS > deadline)); then
      tail -n 12 "$engine/dockerd.log" >&2
      echo "The private Docker engine doesn't answer. All it said: $engine/dockerd.log" >&2
      exit 1
    fi
    sleep 0.2
  done
}

case ${1:-} in
  host) host ;;
  install) install_docker ;;
  start) start ;;
  stop) process_stop "$record" 30 ;;
  *)
    sed -n '2,9s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
