/**
 * Where the agents that act on this machine may act: the workspace, and what confines their commands.
 * What does not work here is found now, and not by the first command.
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
  /** Is told where commands are confined less than by bubblewrap. */
  notice: (line: string) => void
}

export interface OpenedWorkspace {
  workspace: Workspace
  sandbox: Sandbox
  /** What confines commands here. */
  kind: SandboxKind
}

/** @throws LoomError `invalid-config` where commands are not as confined as they must be. */
export async function openWorkspace(options: OpenWorkspaceOptions): Promise<OpenedWorkspace> {
  const { config, environment, notice } = options
  // To do with less is decided by whoever sits at the machine, not behind the back of an operator.
  const mustConfine = config.sandbox.mode === 'auto' && !isLoopback(config.host)
  const mode = mustConfine ? 'required' : config.sandbox.mode
  const sandbox = openSandbox({ ...config.sandbox, environment, mode, notice })
  const workspace = await Workspace.open(config.workspace)
  const kind = await sandbox.kind().catch((cause: unknown) => {
    if (!mustConfine) throw cause
    throw new LoomError(
      'invalid-config',
      `HOST ${config.host} lets others run commands here: they must be confined, or set LOOM_SANDBOX=none where a container does that. ${errorMessage(cause)}`,
      { cause },
    )
  })
  return { workspace, sandbox, kind }
}
