/**
 * `unshare` of util-linux: a command's processes die with it and see no others, and the command has no
 * network. It does not confine files, so it gives no real protection if Loom runs as root. A command of
 * root keeps only the capabilities over files and its own processes: a process that may unmount the new
 * `/proc` finds the old one below it, with Loom's environment.
 */
import type { Argv } from './confined-program.ts'
import type { SandboxOptions } from './options.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Unshare {
  argv: Argv
}

const capabilities = ['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid']
const capabilityList = ['-all', ...capabilities, 'net_bind_service'].join(',+')
const setpriv = ['setpriv', `--bounding-set=${capabilityList}`, '--inh-caps=-all', '--']

/**
 * Root may write to these without any capability, and so make the kernel run a program (`core_pattern`) or
 * reset the machine. Container runtimes make the same folders read-only.
 */
const kernelSettings = ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus', '/proc/fs']
const mountReadOnly = [
  'sh',
  '-c',
  `for path in ${kernelSettings.join(' ')}; do
  test ! -e "$path" || { mount --bind "$path" "$path" && mount -o remount,bind,ro "$path"; } || exit 125
done
exec "$@"`,
  'loom',
]

/** Runs a trial of `unshare`, as root and then as an ordinary user. */
export function findUnshare(options: SandboxOptions): Promise<Trial<Unshare>> {
  const program = options.programs?.unshare ?? 'unshare'
  const flags = ['--pid', '--fork', '--kill-child', '--mount-proc', '--ipc']
  if (options.network !== true) flags.push('--net')
  const candidates: Unshare[] = [
    { argv: [program, ...flags, '--', ...mountReadOnly, ...setpriv] },
    // For all users but root. The user namespace also protects the old `/proc`, since Loom is outside it.
    { argv: [program, '--user', '--map-current-user', ...flags, '--'] },
  ]
  return firstThatRuns(
    candidates.map((value) => ({ value, argv: [...value.argv, 'sh', '-c', 'exit 0'] })),
    options.environment['PATH'],
  )
}

/** Returns the command line that runs a program in `unshare`. */
export const wrapInUnshare = (program: Argv, { argv }: Unshare): Argv => [...argv, ...program]
