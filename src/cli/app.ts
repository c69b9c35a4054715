/**
 * What the command is told of the app that it belongs to: its agents, its tools and its server. They
 * are loaded when they are asked for, so that `loom --help` loads none of them.
 */
import type { Agent } from '../agent.ts'
import type { Config, Environment } from '../config.ts'
import type { ImportFile } from '../file-module.ts'
import type { Loom } from '../loom.ts'
import type { NamedTool } from '../tool.ts'

export interface App {
  version: string
  agents: () => Promise<readonly Agent[]>
  /** Names that `--tools` may list. */
  toolNames: readonly string[]
  /** The tools of those names. */
  tools: (names: readonly string[], world: ToolWorld) => Promise<readonly NamedTool[]>
  /** Loads an agent or tools of the user's. */
  importFile: ImportFile
  /** The server's answers to requests. */
  fetch: (options: FetchOptions) => Promise<(request: Request) => Response | Promise<Response>>
}

/** What tools with effects are confined to. */
export interface ToolWorld {
  environment: Environment
  /** A folder. */
  workspace: string
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
