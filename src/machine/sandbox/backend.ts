/** The kinds of a sandbox behind one interface, and the search for the strongest one that works. */
import { LoomError } from '../../ground/error.ts'
import { type Bubblewrap, findBubblewrap, wrapInBubblewrap } from './bubblewrap.ts'
import type { Argv, ConfinedProgram } from './confined-program.ts'
import type { CommandFolders, SandboxKind, SandboxOptions } from './options.ts'
import type { Owner } from './owner.ts'
import { findUnshare, type Unshare, wrapInUnshare } from './unshare.ts'

export interface SandboxBackend {
  readonly kind: SandboxKind
  /** Returns the user that commands in a workspace run as; undefined for Loom's own user. */
  owner(workspace: string): Promise<Owner | undefined>
  /** Returns the command line that runs a program confined. */
  wrap(program: Argv, place: CommandFolders): Promise<ConfinedProgram>
}

const bubblewrapBackend = (bubblewrap: Bubblewrap): SandboxBackend => ({
  kind: 'bwrap',
  owner: async (workspace) => (await bubblewrap.userOf(workspace)).owner,
  wrap: async (program, place) => wrapInBubblewrap(program, place, bubblewrap),
})

const unshareBackend = (unshare: Unshare): SandboxBackend => ({
  kind: 'unshare',
  owner: async () => undefined,
  wrap: async (program) => ({ argv: wrapInUnshare(program, unshare), inputs: [] }),
})

const unconfined: SandboxBackend = {
  kind: 'none',
  owner: async () => undefined,
  wrap: async (program) => ({ argv: program, inputs: [] }),
}

/**
 * Returns the strongest kind of sandbox that works on this machine.
 * @throws LoomError `invalid-config` if the mode requires more than works.
 */
export async function findBackend(options: SandboxOptions): Promise<SandboxBackend> {
  const { mode = 'auto', notice = () => undefined } = options
  if (mode === 'none') return unconfined
  const bubblewrap = await findBubblewrap(options)
  if (bubblewrap.works) return bubblewrapBackend(bubblewrap.value)
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
    return unshareBackend(unshare.value)
  }
  notice(
    `bash is not confined: ${why}, and neither does unshare. Commands can read and change every file that Loom can, and read its API keys. Set LOOM_SANDBOX=required to refuse such commands.`,
  )
  return unconfined
}
