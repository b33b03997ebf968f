#!/bin/sh
# Collects criu with everything it links to, out of a file system that has Debian's package and gcc: criu.sh ROOT OUT
# ROOT also has no-io-uring.c and sysv-shm.c, which become libraries beside it.
#
# It comes from a newer Debian than the rest of the image, C library included, so it brings its own and is started by its own
# loader. OUT lies at /opt/criu in the image.
set -eu
root=${1%/} out=$2

set -- "$root"/usr/lib/*-linux-gnu*/ld-linux-*.so.*
loader=$1
mkdir -p "$out/lib"
cp "$loader" "$out/lib/loader"
cp "$root/usr/sbin/criu" "$out/lib/criu"
cp "$root/usr/share/doc/criu/copyright" "$out/copyright"
"$loader" --library-path "$(dirname "$loader")" --list "$root/usr/sbin/criu" | sed -n 's/.* => \([^ ]*\) .*/\1/p' |
  while read -r library; do cp -L "$library" "$out/lib/"; done
cat >"$out/criu" <<'END'
#!/bin/sh
exec /opt/criu/lib/loader --library-path /opt/criu/lib /opt/criu/lib/criu "$@"
END
chmod 755 "$out/criu"
for library in no-io-uring sysv-shm; do
  chroot "$root/" gcc -O2 -shared -fPIC -nostdlib -o "/$library.so" "/$library.c"
  cp "$root/$library.so" "$out/"
done
