/** The programs that a script of macOS asks for its system, as they answer on another machine. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FakeSystem {
  /** The answer of `uname -s`. @defaultValue Darwin */
  system?: string
  /** The answer of `uname -m`. @defaultValue arm64 */
  machine?: string
  /** The answer of `sysctl -n hw.optional.arm64`. @defaultValue an error, as on Intel */
  isArm?: string
}

/** Writes the programs to a folder, and returns the PATH with this folder first. */
export function pathOf(
  folder: string,
  { system = 'Darwin', machine = 'arm64', isArm }: FakeSystem = {},
): string {
  const write = (name: string, text: string) =>
    writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  mkdirSync(folder, { recursive: true })
  write('uname', `case $1 in -s) echo '${system}' ;; -m) echo '${machine}' ;; *) exit 9 ;; esac`)
  write(
    'sysctl',
    isArm === undefined
      ? `echo 'sysctl: unknown oid' >&2; exit 1`
      : `[ "$*" = '-n hw.optional.arm64' ] || exit 9; echo '${isArm}'`,
  )
  return `${folder}:${process.env['PATH']}`
}
