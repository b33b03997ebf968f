# shellcheck shell=bash
# Where things lie outside the checkout, and how they get there whole. Source it.
#
# The cache can be deleted at any time and is made again; the state belongs to what is running.

DORMOUSE_CACHE="${DORMOUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dormouse}"
DORMOUSE_STATE="${DORMOUSE_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/dormouse}"
export DORMOUSE_CACHE DORMOUSE_STATE

# content_hash PATH…: 16 hexadecimal digits of the files' contents and names relative to each PATH, and of any text on
# standard input if the first argument is "-". The same contents elsewhere have the same hash.
content_hash() {
  local path
  {
    if [[ $1 == - ]]; then
      cat
      shift
    fi
    for path in "$@"; do
      if [[ -d $path ]]; then
        (cd "$path" && find . -type f ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum)
      else
        sha256sum <"$path"
      fi
    done
  } | sha256sum | cut -c 1-16
}

# cache_temporary: a new directory in the cache, on the same file system as the entries, for something half made.
cache_temporary() {
  mkdir -p "$DORMOUSE_CACHE/tmp"
  find "$DORMOUSE_CACHE/tmp" -mindepth 1 -maxdepth 1 -mmin +720 -exec rm -rf {} + # left by interrupted runs
  mktemp -d "$DORMOUSE_CACHE/tmp/XXXXXX"
}

# cache_prune GLOB: forgets entries that nobody has used for two weeks. Who uses an entry touches it.
cache_prune() {
  find "$(dirname "$1")" -mindepth 1 -maxdepth 1 -name "$(basename "$1")" -mtime +14 -exec rm -rf {} +
}

# cache_put MADE ENTRY: moves a finished file into place, at once or not at all.
cache_put() {
  mkdir -p "$(dirname "$2")"
  sync "$1" # a power cut must not leave a renamed but empty file
  mv -f "$1" "$2"
}
