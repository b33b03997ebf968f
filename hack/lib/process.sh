# shellcheck shell=bash
# Background processes by record, so that only what was started here is ever ended. Source it.
#
# A record is a file with a process id and its start time: an id alone may belong to another process by now.

process_start_time() { # the 22nd field of stat; the 2nd may hold spaces, so count from behind its bracket
  sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# process_record FILE PID
process_record() {
  mkdir -p "$(dirname "$1")"
  printf '%s %s\n' "$2" "$(process_start_time "$2")" >"$1"
}

# process_alive FILE: whether the recorded process still runs. Prints its id.
process_alive() {
  local pid since
  [[ -s $1 ]] && read -r pid since <"$1" && [[ -n $since && $(process_start_time "$pid") == "$since" ]] && echo "$pid"
}

# process_stop FILE SECONDS: asks it to end, waits so long, then makes it.
process_stop() {
  local pid deadline=$((SECONDS + $2))
  pid=$(process_alive "$1") || { rm -f "$1"; return 0; }
  kill -TERM "$pid"
  while process_alive "$1" >/dev/null; do
    if ((SECONDS >= deadline)); then kill -KILL "$pid"; fi
    sleep 0.1
  done
  rm -f "$1"
}
