/**
 * `unshare` of util-linux: a command's processes die with it and see no others, and it has no
 * network. Files are not confined, so for root it confines nothing that matters. Root keeps no right
 * but those over files and its own processes: a process that may unmount the new `/proc` finds the
 * old one below it, and Loom's environment there.
 */
import type { Argv } from './confined.ts'
import type { SandboxOptions } from './options.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Unshare {
  argv: Argv
}

const rights = ['chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'setgid', 'setuid']
const withRights = ['-all', ...rights, 'net_bind_service'].join(',+')
const setpriv = ['setpriv', `--bounding-set=${withRights}`, '--inh-caps=-all', '--']

/**
 * Root may write to these without any right, and so set up what the kernel runs (`core_pattern`) or
 * reset the machine. Container runtimes make the same folders read-only.
 */
const kernelSettings = ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus', '/proc/fs']
const fixed = [
  'sh',
  '-c',
  `for path in ${kernelSettings.join(' ')}; do
  test ! -e "$path" || { mount --bind "$path" "$path" && mount -o remount,bind,ro "$path"; } || exit 125
done
exec "$@"`,
  'loom',
]

export function findUnshare(options: SandboxOptions): Promise<Trial<Unshare>> {
  const program = options.programs?.unshare ?? 'unshare'
  const flags = ['--pid', '--fork', '--kill-child', '--mount-proc', '--ipc']
  if (options.network !== true) flags.push('--net')
  const candidates: Unshare[] = [
    { argv: [program, ...flags, '--', ...fixed, ...setpriv] },
    // For everybody but root. It keeps the old `/proc` closed, too: Loom is outside of it.
    { argv: [program, '--user', '--map-current-user', ...flags, '--'] },
  ]
  return firstThatRuns(
    candidates.map((value) => ({ value, argv: [...value.argv, 'sh', '-c', 'exit 0'] })),
    options.environment['PATH'],
  )
}

export const unshared = (program: Argv, { argv }: Unshare): Argv => [...argv, ...program]
