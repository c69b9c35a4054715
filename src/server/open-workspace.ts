/**
 * Opens the workspace of the agents that act on this machine, and the sandbox of their commands. A
 * sandbox that does not work fails here, and not at the first command.
 */
import { type Config, isLoopback } from '../config.ts'
import { type Environment } from '../ground/environment.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { openSandbox, type Sandbox } from '../machine/sandbox.ts'
import type { SandboxKind } from '../machine/sandbox/options.ts'
import { Workspace } from '../machine/workspace.ts'

export interface OpenWorkspaceOptions {
  config: Pick<Config, 'workspace' | 'sandbox' | 'host'>
  environment: Environment
  /** Receives a line if commands are less confined than with bubblewrap. */
  notice: (line: string) => void
}

export interface OpenedWorkspace {
  workspace: Workspace
  sandbox: Sandbox
  /** The confinement of commands on this machine. */
  kind: SandboxKind
}

/** @throws LoomError `invalid-config` if commands are less confined than they must be */
export async function openWorkspace(options: OpenWorkspaceOptions): Promise<OpenedWorkspace> {
  const { config, environment, notice } = options
  // Less confinement is a choice of the person at this machine. With other callers, the operator
  // must choose it.
  const mustConfine = config.sandbox.mode === 'auto' && !isLoopback(config.host)
  const mode = mustConfine ? 'required' : config.sandbox.mode
  const sandbox = openSandbox({ ...config.sandbox, environment, mode, notice })
  const workspace = await Workspace.open(config.workspace)
  const kind = await sandbox.kind().catch((cause: unknown) => {
    if (!mustConfine) throw cause
    throw new LoomError(
      'invalid-config',
      `HOST ${config.host} lets others run commands here: they must be confined, or set LOOM_SANDBOX=none if a container confines them. ${errorMessage(cause)}`,
      { cause },
    )
  })
  return { workspace, sandbox, kind }
}
