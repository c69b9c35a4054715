/** What the routes are given: nothing here is read from the process. */
import type { Agent } from '../src/agent.ts'
import type { Config } from '../src/config.ts'
import type { Models } from '../src/model.ts'
import type { Sessions } from '../src/sessions.ts'

export interface AppOptions {
  /** Requests that name none are for the one of `config.agent`. */
  agents: readonly Agent[]
  models: Models
  config: Config
  /** False while the server drains. @defaultValue always true */
  isReady?: () => boolean
  /** Told of what went wrong here rather than in the request. @defaultValue nobody */
  report?: (error: unknown) => void
  /** Where conversations live. Without it each request is a run of its own on what the client posts. */
  sessions?: Sessions
}

/** What the routes share. */
export interface World extends Required<Omit<AppOptions, 'sessions'>> {
  /** @throws LoomError `unknown-agent` */
  agentOf: (name: string) => Agent
}
