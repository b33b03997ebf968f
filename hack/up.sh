#!/usr/bin/env bash
# Dormouse on this machine, from nothing to a workspace that works, falls asleep and wakes up again.
#
#   hack/up.sh                       makes a cluster with hack/cluster, or uses the one that is there
#   hack/up.sh --context NAME        uses a cluster of yours, by its context in your kubeconfig
#
#   --name NAME                      another cluster of hack/cluster than "dormouse"
#   --registry HOST/PATH             where a cluster of yours pulls the images from; you have pushed them there
#   --tag TAG                        their tag there (default: dev)
#
# It installs what is missing, builds the images, installs the chart, applies examples/hello.yaml, sends two messages with
# a sleep between them, and leaves everything running. Run it again at any time: what is there already stays.
#
# With ANTHROPIC_API_KEY set, the agent is a real model. Without it a scripted stand-in follows a few instructions.
# The first run compiles Kubernetes where there is no Docker with a registry (10 to 15 minutes on 2 cores); later ones take
# about a minute. `hack/cluster down` ends it.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$hack")
# shellcheck source=lib/cache.sh
source "$hack/lib/cache.sh"
# shellcheck source=lib/log.sh
source "$hack/lib/log.sh"
# shellcheck source=lib/node.sh
source "$hack/lib/node.sh"
# shellcheck source=lib/release.sh
source "$hack/lib/release.sh"

cluster=dormouse
registry=""
tag=dev
export KUBE_CONTEXT=""

usage() { sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

while (($#)); do
  case $1 in
    --context) KUBE_CONTEXT=${2:?--context takes a name} && shift 2 ;;
    --name) cluster=${2:?--name takes a name} && shift 2 ;;
    --registry) registry=${2:?--registry takes a registry} && shift 2 ;;
    --tag) tag=${2:?--tag takes a tag} && shift 2 ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
done

# Our own cluster: made and images built at the same time, then the images put into it.
own_cluster() {
  step_start "cluster $cluster" "$hack/lib/nested.sh" "$hack/cluster" up --name "$cluster"
  step_start "what the images need" "$hack/lib/nested.sh" "$hack/images" prepare
  steps_wait
  local environment
  environment=$("$hack/cluster" env --name "$cluster")
  eval "$environment"
  load_images
}

load_images() {
  local tag_file
  tag_file=$(mktemp)
  # shellcheck disable=SC2016 # $1 and the rest are the inner shell's
  step "build the images and load them" bash -c 'out=$1; shift; "$@" >"$out"' - "$tag_file" \
    "$hack/lib/nested.sh" "$hack/images" load --name "$cluster"
  tag=$(<"$tag_file")
  rm "$tag_file"
  note "     dormouse.dev/{operator,agent,workspace}:$tag"
}

# A cluster of the user's: one of kind in this engine gets the images like ours; any other pulls them.
existing_cluster() {
  command -v kubectl helm >/dev/null || die "kubectl and helm are needed for --context." "Install them, or run hack/up.sh without --context: it brings its own."
  kube version >/dev/null || die "The cluster of context $KUBE_CONTEXT does not answer." "kubectl --context $KUBE_CONTEXT version"
  step "what the images need" "$hack/lib/nested.sh" "$hack/images" prepare
  if [[ -n $registry ]]; then return; fi
  if [[ $KUBE_CONTEXT == kind-* && -n $(docker ps --quiet --filter "label=io.x-k8s.kind.cluster=${KUBE_CONTEXT#kind-}" 2>/dev/null) ]]; then
    cluster=${KUBE_CONTEXT#kind-}
    load_images
    return
  fi
  cat >&2 <<END

The images have to get to the nodes of $KUBE_CONTEXT, and this script can only do that for kind. Either

  push them to a registry that the cluster pulls from, and say where:
    for image in operator agent workspace; do
      hack/images archive \$image >\$image.tar
      skopeo copy docker-archive:\$image.tar docker://registry.example.com/dormouse/\$image:dev
    done
    hack/up.sh --context $KUBE_CONTEXT --registry registry.example.com/dormouse

  or import the archive into every node, and say that they are there:
    hack/images archive | minikube image load -        # or: k3s ctr images import -
    hack/up.sh --context $KUBE_CONTEXT --registry dormouse.dev
END
  exit 1
}

use_node || exit 1
if [[ -n $KUBE_CONTEXT ]]; then existing_cluster; else own_cluster; fi
step "install the chart" "$hack/lib/release.sh" "$tag" ${registry:+--set "image.registry=$registry"}
kube --namespace "$RELEASE_NAMESPACE" get deployments >&2

model=demo
if [[ -n ${ANTHROPIC_API_KEY:-} ]]; then model=real; fi
node "$hack/tour.ts" "$root/examples/hello.yaml" "$model"

cat <<END

Everything is running. Try next:
$(if [[ -z $KUBE_CONTEXT ]]; then echo "  eval \"\$(hack/cluster env --name $cluster)\"   # kubectl and helm for this cluster"; fi)
  kubectl create -f examples/hello-message.yaml   # another message
  kubectl get agentworkspaces,agentmessages -w    # watch it work and fall asleep
  kubectl describe agentworkspace hello           # its conditions and events
$(if [[ -z $KUBE_CONTEXT ]]; then echo "  hack/cluster down --name $cluster                  # the end"; fi)
END
