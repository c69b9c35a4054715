/**
 * Confines commands to a part of the machine. Each sandbox runs a trial command once to find the kind that
 * works: a kernel, a container or a policy may forbid an installed program.
 */
import { LoomError } from '../ground/error.ts'
import { type Bubblewrap, findBubblewrap, wrapInBubblewrap } from './sandbox/bubblewrap.ts'
import type { Argv, ConfinedProgram } from './sandbox/confined-program.ts'
import type { CommandFolders, SandboxOptions } from './sandbox/options.ts'
import type { Owner } from './sandbox/owner.ts'
import { findUnshare, type Unshare, wrapInUnshare } from './sandbox/unshare.ts'

/** The kind of a sandbox. `unshare` isolates processes and the network, but not files. */
export type SandboxKind = 'bwrap' | 'unshare' | 'none'

/**
 * Confines commands. `openSandbox` returns one, and several tools may share it.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { bash, openSandbox, type Sandbox } from 'loom'
 *
 * const sandbox: Sandbox = openSandbox({ environment: env })
 * const tool = bash({ workspace: '/srv/project', environment: env, sandbox })
 * ```
 */
export interface Sandbox {
  /** Variables and limits for commands. The options of a tool take precedence. */
  readonly allowance: Pick<SandboxOptions, 'variables' | 'memoryBytesMax' | 'diskBytesMax'>
  /**
   * Returns the kind that works on this machine.
   * @throws LoomError `invalid-config` if the mode requires more than works on this machine.
   */
  kind: () => Promise<SandboxKind>
  /** Returns the user that commands in a workspace run as; undefined for Loom's own user. */
  owner: (workspace: string) => Promise<Owner | undefined>
  /** Returns the command line that runs a program confined. */
  wrap: (program: Argv, place: CommandFolders) => Promise<ConfinedProgram>
}

type Backend =
  | { kind: 'bwrap'; bubblewrap: Bubblewrap }
  | { kind: 'unshare'; unshare: Unshare }
  | { kind: 'none' }

/**
 * Returns a sandbox. It looks for the strongest kind that works at its first use.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { openSandbox } from 'loom'
 *
 * const sandbox = openSandbox({ environment: env, mode: 'required', network: true })
 * ```
 */
export function openSandbox(options: SandboxOptions): Sandbox {
  let search: Promise<Backend> | undefined
  const detect = () => (search ??= findBackend(options))
  return {
    allowance: options,
    kind: async () => (await detect()).kind,
    async owner(workspace) {
      const backend = await detect()
      return backend.kind === 'bwrap'
        ? (await backend.bubblewrap.userOf(workspace)).owner
        : undefined
    },
    async wrap(program, place) {
      const backend = await detect()
      if (backend.kind === 'bwrap') return wrapInBubblewrap(program, place, backend.bubblewrap)
      const argv = backend.kind === 'unshare' ? wrapInUnshare(program, backend.unshare) : program
      return { argv, inputs: [] }
    },
  }
}

async function findBackend(options: SandboxOptions): Promise<Backend> {
  const { mode = 'auto', notice = () => undefined } = options
  if (mode === 'none') return { kind: 'none' }
  const bubblewrap = await findBubblewrap(options)
  if (bubblewrap.works) return { kind: 'bwrap', bubblewrap: bubblewrap.value }
  const why = `bubblewrap does not work here (${bubblewrap.reason})`
  if (mode !== 'auto') {
    throw new LoomError('invalid-config', `LOOM_SANDBOX=${mode}, but ${why}. Commands do not run.`)
  }
  const unshare = await findUnshare(options)
  if (unshare.works) {
    const own = options.network === true ? 'processes' : 'processes and a network'
    notice(
      process.getuid?.() === 0
        ? `bash is not confined: ${why}, and unshare confines nothing for root. Commands have ${own} of their own, and can read and change every file of this machine. Run Loom as another user, or set LOOM_SANDBOX=required to refuse such commands.`
        : `bash is confined in part: ${why}. Commands have ${own} of their own, and can read and change every file that Loom can.`,
    )
    return { kind: 'unshare', unshare: unshare.value }
  }
  notice(
    `bash is not confined: ${why}, and neither does unshare. Commands can read and change every file that Loom can, and read its API keys. Set LOOM_SANDBOX=required to refuse such commands.`,
  )
  return { kind: 'none' }
}
