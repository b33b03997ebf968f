#!/usr/bin/env bash
# Runs a script that itself shows steps as one step of another script: what it says becomes that step's progress.
#
#   step "the cluster" hack/lib/nested.sh hack/cluster up
set -euo pipefail
# Its result, on standard output, stays apart from what it says.
{ "$@" 2>&1 >&3 | sed -u -E 's/^ +[·…✓] +/progress: /' >&2; } 3>&1
