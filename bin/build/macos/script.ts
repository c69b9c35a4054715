/**
 * The shell script before the archive of the macOS download. It needs only `sh` and the programs of
 * every macOS. Several processes may unpack at the same time: each of them moves complete files to
 * the same names, and `node` last. A file that a running process has open stays as it is.
 */
import { cacheFolder, failure, scriptBefore, signalTraps } from '../script-parts.ts'

export interface MacosScript {
  /** The hash of the archive, which names the folder of its files. */
  digest: string
  /** The size of the unpacked files, in bytes. */
  size: number
}

export function macosScript({ digest, size }: MacosScript): string {
  return scriptBefore(
    (firstLine) => `#!/bin/sh
set -u
${failure}
system=$(uname -s)
machine=$(uname -m)
# A shell that Rosetta translates reports x86_64 on Apple silicon.
[ "$(sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ] && machine=arm64
[ "$system $machine" = 'Darwin arm64' ] ||
  fail "this file is for macOS on Apple silicon (Darwin arm64), and this is $system $machine. Where Node.js 22.19 or later is installed, use loom.mjs."
${cacheFolder('Library/Caches')}
program=$folder/loom-${digest}
unpack() {
  draft=$(umask 077 && mktemp -d "$program.XXXXXX" 2>/dev/null) || fail "cannot write to $folder."
  trap 'rm -rf "$draft"' EXIT
  ${signalTraps}
  # The tar of macOS does not check the checksum of an archive, and would unpack damaged programs.
  tail -n +${firstLine} "$0" | gzip -t >/dev/null 2>&1 ||
    fail 'cannot be unpacked: this file is damaged or cut short. Download it again.'
  # tar reads a pipe, so it does not mark the files with the quarantine of a download.
  tail -n +${firstLine} "$0" | tar -xzmo -f - -C "$draft" 2>/dev/null &&
    (umask 077 && mkdir -p "$program") &&
    mv -f "$draft/rg" "$program/rg" &&
    mv -f "$draft/loom.mjs" "$program/loom.mjs" &&
    mv -f "$draft/node" "$program/node" ||
    fail "cannot be unpacked to $folder (${Math.ceil(size / 1e6)} MB): is the disk full?"
  rm -rf "$draft"
  trap - EXIT HUP INT TERM
  remove_old_versions
}
# A process of an old version still reads its files, so the files of a running one stay.
remove_old_versions() {
  running=$(ps -A -ww -o args= 2>/dev/null) || return 0
  for old in "$folder"/loom-*; do
    [ "$old" != "$program" ] && [ -n "$(find "$old" -prune -type d -mtime +30 2>/dev/null)" ] || continue
    case $running in *"$old/"*) ;; *) rm -rf "$old" ;; esac
  done
}
[ -x "$program/node" ] && [ -x "$program/rg" ] && [ -f "$program/loom.mjs" ] || unpack
# These options are for the Node.js of the user.
unset NODE_OPTIONS
exec "$program/node" "$program/loom.mjs" "$@"
`,
  )
}
