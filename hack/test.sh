#!/usr/bin/env bash
# Everything that is checked, with all set-up: the last line is "N passed, N failed".
#
#   hack/test.sh                 everything
#   hack/test.sh --unit          only what needs no cluster
#   hack/test.sh --only SUITE    one of: format lint types unused generated shell go unit integration e2e
#                                chaos; can be repeated
#
# Without a cluster: format and lint (Biome), types, unused code (knip), generated files, the scripts (shellcheck), the Go
# programs, unit tests. With one: integration tests against its API server, and end-to-end tests with the installed chart, then the same while
# parts are killed, restarted and reinstalled. Last hack/cluster itself, on a second cluster beside it.
#
# The cluster is the one of hack/cluster and hack/up.sh, "dormouse" (DORMOUSE_CLUSTER names another): it is made where there
# is none, its release is upgraded to this checkout's images and the demo model, and it stays for the next run, which is
# what makes that one short. `hack/cluster down` ends it. Every test works in a namespace of its own.
#
# Each run keeps its logs, and what the operator and the cluster did meanwhile, in a directory outside the checkout, which
# is named at the end if something failed.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$hack")
cd "$root"
# shellcheck source=lib/cache.sh
source "$hack/lib/cache.sh"
runs=$DORMOUSE_STATE/test
run=$runs/$(date +%Y%m%d-%H%M%S)-$$
export LOG_DIR=$run NO_COLOR=1
# shellcheck source=lib/log.sh
source "$hack/lib/log.sh"
# shellcheck source=lib/node.sh
source "$hack/lib/node.sh"
# shellcheck source=lib/packages.sh
source "$hack/lib/packages.sh"

cluster=${DORMOUSE_CLUSTER:-dormouse}
checks=(format lint types unused generated shell)
all=("${checks[@]}" unit go integration e2e chaos cluster)
chosen=()

usage() { sed -n '2,/^# shellcheck/{/^# shellcheck/d;s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

while (($#)); do
  case $1 in
    --unit) chosen=("${checks[@]}" unit) && shift ;;
    --only)
      [[ " ${all[*]} " == *" ${2:-} "* ]] || die "there is no suite '${2:-}'" "one of: ${all[*]}"
      chosen+=("$2") && shift 2
      ;;
    -h | --help) usage && exit ;;
    *) usage >&2 && exit 2 ;;
  esac
done
if ((${#chosen[@]} == 0)); then chosen=("${all[@]}"); fi

wants() { [[ " ${chosen[*]} " == *" $1 "* ]]; }

passed=0
failed=0
summary=()
failures=()

# count SUITE PASSED FAILED SECONDS
count() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  summary+=("$(printf '%-12s %5d passed %4d failed  %6s' "$1" "$2" "$3" "$(elapsed "$4")")")
}

# check SUITE TITLE COMMAND…: counts as one test.
check() {
  local suite=$1 title=$2 since=$SECONDS
  shift 2
  if ! wants "$suite"; then return; fi
  if (step "$title" "$@"); then
    count "$suite" 1 0 $((SECONDS - since))
  else
    count "$suite" 0 1 $((SECONDS - since))
    failures+=("$suite: $title")
  fi
}

# vitest SUITE: every test counts.
vitest() {
  local suite=$1 since=$SECONDS report=$run/$1.json counts
  if ! wants "$suite"; then return; fi
  (TEST_REPORT=$report step "$suite tests" npx vitest run --project "$suite" --reporter default --reporter "$hack/test-reporter.ts") || true
  if [[ ! -s $report ]]; then # it didn't even start
    count "$suite" 0 1 $((SECONDS - since))
    failures+=("$suite: no test was run")
    return
  fi
  # shellcheck disable=SC2016 # these are JavaScript's
  mapfile -t counts < <(node -e '
    const { passed, failed, failures } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    console.log(passed); console.log(failed);
    for (const { where, why } of failures) console.log(`${where}: ${why.split("\n")[0]}`);
  ' "$report")
  count "$suite" "${counts[0]}" "${counts[1]}" $((SECONDS - since))
  failures+=("${counts[@]:2}")
}

# --- The cluster is made, and Dormouse installed, while the checks and the unit tests run. Its compiler gives way to them: see
# hack/kind/programs.sh.

wants_cluster() { wants integration || wants e2e || wants chaos || wants cluster; }
background=()

end_background() {
  local pid
  for pid in "${background[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
}

# in_background FILE COMMAND…: in a process group of its own, its output in a file; $! is its id.
in_background() {
  local out=$1
  shift
  setsid "$@" >"$out" 2>&1 </dev/null &
  background+=($!)
}

start_cluster() {
  # shellcheck disable=SC2016 # the inner shell expands it
  in_background "$run/cluster.log" env -u ANTHROPIC_API_KEY bash -c '
    set -uo pipefail
    hack=$1 name=$2 status=0
    "$hack/lib/nested.sh" "$hack/images" prepare programs &
    "$hack/lib/nested.sh" "$hack/cluster" up --name "$name" || status=$?
    wait $! || status=$?
    if ((status == 0)); then
      (set -e
        environment=$("$hack/cluster" env --name "$name")
        eval "$environment"
        echo "progress: images"
        tag=$("$hack/lib/nested.sh" "$hack/images" load --name "$name")
        echo "progress: chart"
        # Servers that stand for the world in tests are pods, of this range (hack/kind/config.yaml). Many a test waits until
        # a request no longer counts as use.
        "$hack/lib/release.sh" "$tag" --set "gateway.egress.allowPrivateCidrs={100.64.0.0/16}" --set gateway.attachLease=10s)
      status=$?
    fi
    echo "$status" >"$3"' - "$hack" "$cluster" "$run/cluster.status"
}

# Shows the progress of what runs in the background as that of a step.
await_cluster() {
  # shellcheck disable=SC2016 # the inner shell expands it
  (step "the cluster, the images, the chart" bash -c '
    tail --pid="$1" --lines=+1 --follow "$2"
    [[ $(cat "$3") == 0 ]]' - "${background[0]}" "$run/cluster.log" "$run/cluster.status")
}

# What happened in the cluster during the tests. Their namespaces are gone afterwards, so it is written down as it happens.
record_cluster() {
  mkdir -p "$run/cluster"
  # shellcheck disable=SC2016 # the inner shell expands it
  local again='while sleep 1; do "$@"; done'
  in_background "$run/cluster/operator.log" bash -c "$again" - kubectl logs --namespace dormouse-system --follow --prefix \
    --selector app.kubernetes.io/component=operator --max-log-requests 10 --since 10s
  in_background "$run/cluster/events.txt" bash -c "$again" - kubectl get events --all-namespaces --watch-only
  in_background "$run/cluster/workspaces.txt" bash -c "$again" - kubectl get agentworkspaces --all-namespaces --watch-only --output wide
  in_background "$run/cluster/pods.txt" bash -c "$again" - kubectl get pods --all-namespaces --watch-only --output wide
}

dump_cluster() {
  kubectl get agentworkspaces,agentmessages,agentcheckpoints,pods,persistentvolumeclaims --all-namespaces --output yaml >"$run/cluster/objects.yaml" || true
  kubectl describe agentworkspaces,pods --all-namespaces >"$run/cluster/describe.txt" || true
  kubectl describe nodes >"$run/cluster/nodes.txt" || true
}

# --- Set-up

mkdir -p "$run"
find "$runs" -mindepth 1 -maxdepth 1 -mtime +7 -exec rm -rf {} +
# shellcheck disable=SC2016 # the inner shell expands it
step "Node.js and packages" bash -c 'set -euo pipefail; source "$1/lib/cache.sh"; source "$1/lib/node.sh"; use_node; use_packages "$2"' - "$hack" "$root"
use_node
if wants shell && ! command -v shellcheck >/dev/null; then
  # shellcheck disable=SC2016 # the inner shell expands it
  step "shellcheck" bash -c 'source "$1/lib/packages.sh"; install_packages shellcheck' - "$hack"
fi
if wants unit && ! command -v rg >/dev/null; then # the Grep tool runs it, as in the workspace image
  # shellcheck disable=SC2016 # the inner shell expands it
  step "ripgrep" bash -c 'source "$1/lib/packages.sh"; install_packages ripgrep' - "$hack"
fi
trap end_background EXIT # from here on steps run in subshells, which have traps of their own
if wants_cluster; then start_cluster; fi

# --- Without a cluster

scripts() { # every script of ours, by its first line or as a part of one
  local file
  while read -r file; do
    if [[ $file == *.sh ]] || head -1 "$file" | grep -q '^#!.*bash'; then echo "$file"; fi
  done < <(find hack .ci -type f ! -path '*/go/*' | sort)
}
mapfile -t shell_scripts < <(scripts)

check format "format" npx biome format .
check lint "lint" npx biome check --formatter-enabled=false --error-on-warnings .
check types "types" npx tsc --noEmit -p tsconfig.json
check unused "unused code" npx knip
check generated "generated files" npm run --silent generate:check
check shell "shell scripts" shellcheck --shell bash --external-sources "${shell_scripts[@]}"
vitest unit
# --- With a cluster

if wants_cluster; then
  if await_cluster && environment=$("$hack/cluster" env --name "$cluster") && eval "$environment"; then
    record_cluster
    vitest integration
    vitest e2e
    vitest chaos
    vitest cluster
    if ((failed)); then dump_cluster; fi
  else
    count cluster 0 1 0
    failures+=("the cluster: it could not be made or Dormouse could not be installed, so nothing was tested on it")
  fi
fi

# After the cluster: what these share with its programs is compiled then, with the same flags. The programs that are little
# else than Kubernetes itself (components, coredns) are left out: 7 minutes for two main functions. The host of terminals is
# run by the unit tests.
go_packages=(./hostpath/... ./nodenet/... ./pause/... ./runc-shim/...)
# shellcheck disable=SC2016 # the inner shell expands it
check go "Go programs" bash -c '
  export CGO_ENABLED=0
  (cd "$1/../agent-runtime/terminal-host" && go vet -trimpath .) || exit
  cd "$1/kind/go" && shift
  nice -n 10 go vet -trimpath "$@" && nice -n 10 go test -trimpath -vet off "$@"' - "$hack" "${go_packages[@]}"

printf '\n'
printf '%s\n' "${summary[@]}"
if ((${#failures[@]})); then
  printf '\nfailed:\n'
  printf '  %s\n' "${failures[@]}"
  printf '\nlogs: %s\n' "$run"
fi
printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
