/**
 * The shell script before the archive in `dist/loom.run`. It is plain `sh` and needs only the
 * programs of every system, and xz. Several processes may unpack at the same time: each of them
 * moves a complete program to the same name, and no running program is overwritten.
 */
import { cacheFolder, failure, scriptBefore, signalTraps } from './script-parts.ts'

export function unpackingScript({ digest, size }: { digest: string; size: number }): string {
  return scriptBefore(
    (firstLine) => `#!/bin/sh
set -u
${failure}
${cacheFolder('.cache')}
program=$folder/loom-${digest}
unpack() {
  command -v xz >/dev/null 2>&1 ||
    fail 'this file needs xz to unpack itself (Debian: apt-get install xz-utils); the binary "loom" needs nothing.'
  draft=$(umask 077 && mktemp "$program.XXXXXX" 2>/dev/null) || fail "cannot write to $folder."
  trap 'rm -f "$draft"' EXIT
  ${signalTraps}
  tail -n +${firstLine} "$0" | xz --decompress --stdout >"$draft" &&
    [ "$(wc -c <"$draft")" -eq ${size} ] && chmod 700 "$draft" && mv -f "$draft" "$program" ||
    fail "cannot be unpacked to $folder (${Math.ceil(size / 1e6)} MB): is the disk full, or this file cut short?"
  trap - EXIT HUP INT TERM
  # Removes old programs of other versions.
  find "$folder" -name 'loom-*' ! -name 'loom-${digest}' -type f -mtime +30 -exec rm -f {} + 2>/dev/null
}
[ -x "$program" ] || unpack
exec "$program" "$@"
`,
  )
}
