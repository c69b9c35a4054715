/**
 * The shell script before the archive in `dist/loom.run`. It is plain `sh` and needs only the
 * programs of every system, and xz. Several processes may unpack at the same time: each of them
 * moves a complete program to the same name, and no running program is overwritten.
 */
export function unpackingScript({ digest, size }: { digest: string; size: number }): string {
  const script = (lines: number) => `#!/bin/sh
set -u
folder=\${XDG_CACHE_HOME:-}
case $folder in /*) ;; *) folder=\${HOME:+$HOME/.cache} ;; esac
case $folder in /*) folder=$folder/loom ;; *) folder= ;; esac
if [ -z "$folder" ] || ! (umask 077 && mkdir -p "$folder") 2>/dev/null || ! [ -w "$folder" ]; then
  folder=\${TMPDIR:-/tmp}/loom-$(id -u)
  (umask 077 && mkdir -p "$folder") 2>/dev/null
fi
program=$folder/loom-${digest}
fail() {
  echo "loom: $1" >&2
  exit 3
}
unpack() {
  command -v xz >/dev/null 2>&1 ||
    fail 'this file needs xz to unpack itself (Debian: apt-get install xz-utils); the binary "loom" needs nothing.'
  draft=$(umask 077 && mktemp "$program.XXXXXX" 2>/dev/null) || fail "cannot write to $folder."
  trap 'rm -f "$draft"' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  tail -n +${lines + 1} "$0" | xz --decompress --stdout >"$draft" &&
    [ "$(wc -c <"$draft")" -eq ${size} ] && chmod 700 "$draft" && mv -f "$draft" "$program" ||
    fail "cannot be unpacked to $folder (${Math.ceil(size / 1e6)} MB): is the disk full, or this file cut short?"
  trap - EXIT HUP INT TERM
  # Removes old programs of other versions.
  find "$folder" -name 'loom-*' ! -name 'loom-${digest}' -type f -mtime +30 -exec rm -f {} + 2>/dev/null
}
[ -O "$folder" ] || fail "$folder is not yours."
[ -x "$program" ] || unpack
exec "$program" "$@"
`
  return script(script(0).split('\n').length - 1)
}
