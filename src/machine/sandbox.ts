/**
 * Confines commands to a part of the machine. Each sandbox runs a trial command once to find the kind that
 * works: a kernel, a container or a policy may forbid an installed program.
 */
import type { SandboxBackend } from './sandbox/backend.ts'
import type { Argv, ConfinedProgram } from './sandbox/confined-program.ts'
import type { CommandFolders, SandboxKind, SandboxOptions } from './sandbox/options.ts'
import type { Owner } from './sandbox/owner.ts'

/**
 * Confines commands. `openSandbox` returns one, and several tools may share it.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { bash, openSandbox, type Sandbox } from 'loomkit'
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

/**
 * Returns a sandbox. It looks for the strongest kind that works at its first use.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import { openSandbox } from 'loomkit'
 *
 * const sandbox = openSandbox({ environment: env, mode: 'required', network: true })
 * ```
 */
export function openSandbox(options: SandboxOptions): Sandbox {
  let search: Promise<SandboxBackend> | undefined
  const find = async () => {
    const { findBackend } = await import('./sandbox/backend.ts')
    return findBackend(options)
  }
  const detect = () => (search ??= find())
  return {
    allowance: options,
    kind: async () => (await detect()).kind,
    owner: async (workspace) => (await detect()).owner(workspace),
    wrap: async (program, place) => (await detect()).wrap(program, place),
  }
}
