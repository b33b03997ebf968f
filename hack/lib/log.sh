# shellcheck shell=bash
# What a script says while it works. Source it, then:
#
#   step "install Docker" command args…     one step, waited for
#   step_start "compile" command args…      the same in the background, beside others …
#   steps_wait                              … and this waits for all of them
#   note "…"; die "what happened" "what to do"
#
# A step's output goes to a log file; what is on the screen is its name, how long it has been running, and, if its
# log has a line "progress: …", the last of these. On a terminal that is one line which keeps changing; elsewhere a
# line every 8 seconds. A step that fails shows the end of its log and where the rest is.

LOG_DIR="${LOG_DIR:-${DORMOUSE_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/dormouse}/log}"
LOG_EVERY=8

declare -A STEP_TITLE=() STEP_LOG=() STEP_SINCE=()

note() { printf '%s\n' "$*" >&2; }

# die WHAT [WHAT-TO-DO]: ends the script.
die() {
  printf '\nerror: %s\n' "$1" >&2
  if [[ -n ${2:-} ]]; then printf '       %s\n' "$2" >&2; fi
  exit 1
}

# elapsed SECONDS: as people say it, 9s or 2m05s.
elapsed() {
  if (($1 < 60)); then printf '%ds' "$1"; else printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); fi
}

step() {
  step_start "$@"
  steps_wait
}

# Each step gets a process group of its own, so that an interrupted script takes its steps' children with it.
step_start() {
  local title=$1 pid
  shift
  mkdir -p "$LOG_DIR"
  find "$LOG_DIR" -name '*.log' -mtime +7 -delete
  local log
  log="$LOG_DIR/$(date +%H%M%S)-$$-${title//[^a-zA-Z0-9]/-}.log"
  setsid "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  STEP_TITLE[$pid]=$title STEP_LOG[$pid]=$log STEP_SINCE[$pid]=$SECONDS
  if [[ ! -t 2 ]]; then note "  ·  $title"; fi
}

steps_wait() {
  local pid status failed=0 shown=$SECONDS
  trap steps_end EXIT
  while ((${#STEP_TITLE[@]})); do
    for pid in "${!STEP_TITLE[@]}"; do
      if kill -0 "$pid" 2>/dev/null; then continue; fi
      status=0
      wait "$pid" || status=$?
      step_report "$pid" "$status"
      if ((status)); then failed=1; fi
      unset "STEP_TITLE[$pid]" "STEP_LOG[$pid]" "STEP_SINCE[$pid]"
    done
    if ((failed)); then exit 1; fi # the EXIT trap ends what still runs
    if ((${#STEP_TITLE[@]} == 0)); then break; fi
    if [[ -t 2 ]]; then
      printf '\r\033[K  …  %s' "$(steps_line | cut -c "1-$(($(tput cols 2>/dev/null || echo 80) - 6))")" >&2
    elif ((SECONDS - shown >= LOG_EVERY)); then
      note "  …  $(steps_line)"
      shown=$SECONDS
    fi
    sleep 0.2
  done
  trap - EXIT
}

# The steps that run, on one line.
steps_line() {
  local pid line="" progress
  for pid in "${!STEP_TITLE[@]}"; do
    progress=$(tail -c 4000 "${STEP_LOG[$pid]}" | grep -a -o 'progress: .*' | tail -1 || true)
    line+="${line:+ | }${STEP_TITLE[$pid]} $(elapsed $((SECONDS - STEP_SINCE[$pid])))${progress:+ (${progress#progress: })}"
  done
  printf '%s' "$line"
}

step_report() {
  local pid=$1 status=$2 took
  took=$(elapsed $((SECONDS - STEP_SINCE[$pid])))
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
  if ((status == 0)); then
    note "  ✓  ${STEP_TITLE[$pid]} ($took)"
    return
  fi
  note "  ✗  ${STEP_TITLE[$pid]} ($took): failed with status $status. The end of its log:"
  tail -n 15 "${STEP_LOG[$pid]}" | sed 's/^/       | /' >&2
  note "     All of it: ${STEP_LOG[$pid]}"
}

steps_end() {
  local pid
  for pid in "${!STEP_TITLE[@]}"; do kill -TERM -- "-$pid" 2>/dev/null || true; done
}
