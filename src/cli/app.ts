/**
 * The app that the command belongs to: its agents, tools and server. Each is loaded when it is
 * needed, so that `loom --help` loads none of them.
 */
import type { BuiltIn } from '../built-in.ts'
import type { Config } from '../config.ts'
import type { FileModules } from '../ground/file-module.ts'
import type { Loom } from '../loom.ts'
import type { PrincipalLimits } from '../server/limits/principal-limits.ts'
import type { MetricsText } from '../server/metrics-text.ts'
import type { RequestWatch } from '../server/request-watch.ts'

export interface App {
  version: string
  modules: () => Promise<AppModules>
  /** Returns the request handler of the server. */
  fetch: (options: FetchOptions) => Promise<(request: Request) => Response | Promise<Response>>
}

/** The modules with agents and tools. */
export interface AppModules {
  /** Loom's own. */
  builtIn: BuiltIn
  /** Those of the user. */
  files: FileModules
}

export interface FetchOptions {
  loom: Loom
  config: Config
  limits: PrincipalLimits | undefined
  isReady: () => boolean
  /** Fetches the public keys of the issuer of JWTs. */
  fetch: typeof fetch
  /** Receives each failed authentication. No field has the credential. */
  onAuthenticationFailure: (failure: { address: string; reason: string; count: number }) => void
  /** Receive each request. */
  watches: readonly RequestWatch[]
  /** Undefined if the server has no metrics. */
  metrics: MetricsText | undefined
}

/** The process and the app that a command runs in. */
export interface CommandWorld {
  program: NodeJS.Process
  app: App
}
