#!/usr/bin/env bash
# The chart, installed by helm. Source it. KUBECONFIG and, with --context, KUBE_CONTEXT say where.

RELEASE=dormouse
RELEASE_NAMESPACE=dormouse-system

kube() { kubectl ${KUBE_CONTEXT:+--context "$KUBE_CONTEXT"} "$@"; }

# release_install TAG [HELM-OPTION…]: installs or upgrades the release to the images with this tag. With ANTHROPIC_API_KEY set
# the default class talks to the real API, otherwise to the demo model. With the class literal-resume. It returns when everything is ready.
release_install() {
  local root tag=$1 options
  root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
  shift
  options=(--namespace "$RELEASE_NAMESPACE" --create-namespace --set-string "image.tag=$tag" --set literalResume.enabled=true --wait --timeout 5m)
  if [[ -n ${ANTHROPIC_API_KEY:-} ]]; then
    kube create namespace "$RELEASE_NAMESPACE" --dry-run=client --output yaml | kube apply --filename - >/dev/null
    # By way of standard input: arguments can be read by everybody on this machine.
    printf %s "$ANTHROPIC_API_KEY" |
      kube --namespace "$RELEASE_NAMESPACE" create secret generic model-provider --from-file=api-key=/dev/stdin --dry-run=client --output yaml |
      kube apply --filename - >/dev/null
    options+=(--set demoModel.enabled=false --set model.secretRef.name=model-provider)
  else
    options+=(--set demoModel.enabled=true)
  fi
  # What somebody changed by hand since (hack/dev does) goes back to what the chart says. Helm 3 does that unasked.
  if [[ $(helm version --template '{{.Version}}') == v4* ]]; then options+=(--force-conflicts); fi
  helm ${KUBE_CONTEXT:+--kube-context "$KUBE_CONTEXT"} upgrade --install "$RELEASE" "$root/charts/dormouse" "${options[@]}" "$@"
}

# When run and not sourced, by a step: release.sh TAG [HELM-OPTION…]
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  release_install "$@"
fi
