#!/usr/bin/env bash
# One cluster of kind, by name, in the engine that DOCKER_HOST names.
#
#   cluster.sh healthy NAME          whether it is there and its nodes are ready; says what is wrong
#   cluster.sh broken NAME           whether it must be made anew (half made, or a node is gone)
#   cluster.sh create NAME IMAGE     makes it
#   cluster.sh resume NAME           starts its nodes
#   cluster.sh settle NAME           waits until it can be used
#   cluster.sh delete NAME           deletes it
#   cluster.sh nodes NAME            the names of its nodes
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=../lib/cache.sh
source "$here/../lib/cache.sh"

name=${2:?a cluster has a name}
state=$DORMOUSE_STATE/clusters/$name
export KUBECONFIG=$state/kubeconfig
both="$name-control-plane"$'\n'"$name-worker"

nodes() { docker ps "$@" --filter "label=io.x-k8s.kind.cluster=$name" --format '{{.Names}}' | sort; }

# Which of the two nodes' Ready conditions are true, one line a node.
ready_nodes() {
  kubectl --request-timeout=5s get nodes "$name-control-plane" "$name-worker" --output \
    'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}'
}

healthy() {
  if [[ ! -s $KUBECONFIG || ! -e $state/made ]]; then
    echo "it has not been made"
    return 1
  fi
  # The API server calls a node that is gone ready for another 40 seconds.
  if [[ $(nodes) != "$both" ]]; then
    echo "of its nodes only these run: $(nodes | xargs)"
    return 1
  fi
  local ready
  ready=$(ready_nodes 2>&1) || { echo "its API server doesn't answer: ${ready##*$'\n'}"; return 1; }
  if grep -v '=True$' <<<"$ready"; then return 1; fi
}

broken() {
  [[ ! -e $state/made ]] || [[ $(nodes --all) != "$both" ]]
}

create() {
  rm -rf "$state"
  mkdir -p "$state"
  sed "s/^name: NAME$/name: $name/" "$here/config.yaml" >"$state/config.yaml"
  local log
  if ! kind create cluster --config "$state/config.yaml" --image "$1" --wait 0s --retain 2>&1 | sed -u 's/^ *• /progress: /'; then
    log=$state/failed
    kind export logs --name "$name" "$log" >/dev/null 2>&1 || true
    echo "kind could not make the cluster. What its nodes said is in $log"
    exit 1
  fi
  # One DNS server does for two nodes, and is half the work of two.
  kubectl --namespace kube-system scale deployment coredns --replicas 1
  echo "$1" >"$state/made"
}

resume() {
  local began deadline=$((SECONDS + 180))
  began=$(date --utc +%Y-%m-%dT%H:%M:%S)
  docker start "$name-control-plane" "$name-worker"
  [[ -s $KUBECONFIG ]] || kind export kubeconfig --name "$name"
  # What the API server says of the nodes is from before they stopped, until each has renewed its lease.
  until [[ $(oldest_lease) > $began ]]; do
    if ((SECONDS > deadline)); then break; fi # settle says what is wrong
    echo "progress: waiting for the kubelets"
    sleep 0.5
  done
}

# When the node that was heard of least recently was heard of, in UTC; empty if the API server doesn't answer.
oldest_lease() {
  kubectl --request-timeout=5s --namespace kube-node-lease get lease "$name-control-plane" "$name-worker" \
    --output 'jsonpath={range .items[*]}{.spec.renewTime}{"\n"}{end}' 2>/dev/null | sort | head -1
}

settle() {
  local deadline=$((SECONDS + 180)) reason
  until reason=$(healthy); do
    if ((SECONDS > deadline)); then
      echo "The cluster is not ready after 3 minutes: $reason. Look with 'hack/cluster exec $name-worker journalctl --unit kubelet', or make it anew: 'hack/cluster down', 'hack/cluster up'." >&2
      exit 1
    fi
    echo "progress: ${reason//$'\n'/ }"
    sleep 0.5
  done
  echo "progress: waiting for DNS"
  kubectl --namespace kube-system rollout status deployment coredns --timeout "$((deadline - SECONDS))s"
  # The deployment's status may be older than a restart: ask the pod itself.
  until kubectl --request-timeout=5s get --raw /api/v1/namespaces/kube-system/services/kube-dns:9153/proxy/metrics >/dev/null 2>&1; do
    if ((SECONDS > deadline)); then
      echo "The cluster's DNS doesn't answer. Look with: kubectl --namespace kube-system describe pods" >&2
      exit 1
    fi
    sleep 0.5
  done
}

delete() {
  kind delete cluster --name "$name"
  rm -rf "$state"
}

case ${1:-} in
  healthy | broken | resume | settle | delete) "$1" ;;
  nodes) nodes --all ;;
  create) create "$3" ;;
  *)
    sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
