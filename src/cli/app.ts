/**
 * The app that the command belongs to: its agents, tools and server. Each is loaded when it is
 * needed, so that `loom --help` loads none of them.
 */
import type { Config } from '../config.ts'
import type { ImportFile } from '../ground/file-module.ts'
import type { Loom } from '../loom.ts'
import type { ActingWorld, AppAgents } from '../server/chosen-agents.ts'
import type { NamedTool } from '../tool.ts'

export interface App {
  version: string
  agents: () => Promise<AppAgents>
  /** The keys are the names that `--tools` may list. */
  tools: AppTools
  /** Loads a file of the user with an agent or tools. */
  importFile: ImportFile
  /** Returns the request handler of the server. */
  fetch: (options: FetchOptions) => Promise<(request: Request) => Response | Promise<Response>>
}

export interface AppTools {
  harmless: Readonly<Record<string, () => Promise<NamedTool>>>
  /** Tools that read or change the workspace. */
  acting: Readonly<Record<string, (world: ActingWorld) => Promise<NamedTool>>>
}

export interface FetchOptions {
  loom: Loom
  config: Config
  isReady: () => boolean
}

/** The process and the app that a command runs in. */
export interface CommandWorld {
  program: NodeJS.Process
  app: App
}
