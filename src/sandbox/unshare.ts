/**
 * `unshare` of util-linux: a command's processes die with it and see no others, and it has no
 * network. Files are not confined.
 */
import type { Argv, SandboxOptions } from '../sandbox.ts'
import { firstThatRuns, type Trial } from './trial.ts'

export interface Unshare {
  argv: Argv
}

export function findUnshare(options: SandboxOptions): Promise<Trial<Unshare>> {
  const program = options.programs?.unshare ?? 'unshare'
  const flags = ['--pid', '--fork', '--kill-child', '--mount-proc', '--ipc']
  if (options.network !== true) flags.push('--net')
  // Root needs no user namespace, everybody else cannot do without.
  const candidates = [[], ['--user', '--map-current-user']].map((user): Unshare => {
    return { argv: [program, ...user, ...flags, '--'] }
  })
  return firstThatRuns(
    candidates.map((value) => ({ value, argv: [...value.argv, 'sh', '-c', 'exit 0'] })),
    options.environment['PATH'],
  )
}

export const unshared = (program: Argv, { argv }: Unshare): Argv => [...argv, ...program]
