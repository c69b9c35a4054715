/**
 * What the command is told of the app that it belongs to: its agents, its tools and its server. They
 * are loaded when they are asked for, so that `loom --help` loads none of them.
 */
import type { Config } from '../config.ts'
import type { ImportFile } from '../ground/file-module.ts'
import type { Loom } from '../loom.ts'
import type { ActingWorld, AppAgents } from '../server/chosen-agents.ts'
import type { NamedTool } from '../tool.ts'

export interface App {
  version: string
  agents: () => Promise<AppAgents>
  /** By the names that `--tools` may list. */
  tools: AppTools
  /** Loads an agent or tools of the user's. */
  importFile: ImportFile
  /** The server's answers to requests. */
  fetch: (options: FetchOptions) => Promise<(request: Request) => Response | Promise<Response>>
}

export interface AppTools {
  harmless: Readonly<Record<string, () => Promise<NamedTool>>>
  /** They see or change the workspace. */
  acting: Readonly<Record<string, (world: ActingWorld) => Promise<NamedTool>>>
}

export interface FetchOptions {
  loom: Loom
  config: Config
  isReady: () => boolean
}

/** What a command runs in. */
export interface CommandWorld {
  program: NodeJS.Process
  app: App
}
