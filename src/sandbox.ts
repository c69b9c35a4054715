/**
 * What keeps a command away from the rest of the machine. Which kind works here is found out by
 * running one, once for each sandbox: a kernel, a container or a policy may forbid what is installed.
 */
import { LoomError } from './error.ts'
import { type Bubblewrap, bubblewrapped, findBubblewrap } from './sandbox/bubblewrap.ts'
import type { Argv, Confined } from './sandbox/confined.ts'
import type { Place, SandboxOptions } from './sandbox/options.ts'
import type { Owner } from './sandbox/owner.ts'
import { findUnshare, type Unshare, unshared } from './sandbox/unshare.ts'

/** `unshare` keeps processes and the network apart, but not files. */
export type SandboxKind = 'bwrap' | 'unshare' | 'none'

/** Makes of a command one that is confined. */
export interface Sandbox {
  /** What its commands may have; a tool's own options come first. */
  readonly allowance: Pick<SandboxOptions, 'variables' | 'memoryBytesMax' | 'diskBytesMax'>
  /** @throws LoomError `invalid-config` where the mode asks for more than works here. */
  kind: () => Promise<SandboxKind>
  /** The user whose rights commands in a workspace have; undefined where that is Loom's own user. */
  owner: (workspace: string) => Promise<Owner | undefined>
  /** What to run so that a program runs confined. */
  wrap: (program: Argv, place: Place) => Promise<Confined>
}

type Found =
  | { kind: 'bwrap'; bubblewrap: Bubblewrap }
  | { kind: 'unshare'; unshare: Unshare }
  | { kind: 'none' }

/** Looks for what works here when it is first used. */
export function openSandbox(options: SandboxOptions): Sandbox {
  let finding: Promise<Found> | undefined
  const found = () => (finding ??= find(options))
  return {
    allowance: options,
    kind: async () => (await found()).kind,
    async owner(workspace) {
      const chosen = await found()
      return chosen.kind === 'bwrap' ? (await chosen.bubblewrap.userOf(workspace)).owner : undefined
    },
    async wrap(program, place) {
      const chosen = await found()
      if (chosen.kind === 'bwrap') return bubblewrapped(program, place, chosen.bubblewrap)
      const argv = chosen.kind === 'unshare' ? unshared(program, chosen.unshare) : program
      return { argv, inputs: [] }
    },
  }
}

async function find(options: SandboxOptions): Promise<Found> {
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
    `bash is not confined: ${why}, and neither does unshare. Commands can read and change whatever Loom can, its API keys too. LOOM_SANDBOX=required refuses them instead.`,
  )
  return { kind: 'none' }
}
