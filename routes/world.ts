/** The objects that the routes receive. No route reads anything from the process. */
import type { Config } from '../src/config.ts'
import type { Loom } from '../src/loom.ts'
import type { PrincipalLimits } from '../src/server/limits/principal-limits.ts'
import type { MetricsText } from '../src/server/metrics-text.ts'
import type { RequestWatch } from '../src/server/request-watch.ts'
import type { AuthenticationFailure } from './authentication/failures.ts'

export interface AppOptions {
  loom: Loom
  config: Config
  /** False while the server drains. @defaultValue always true */
  isReady?: () => boolean
  /** The limits of principals. @defaultValue none */
  limits?: PrincipalLimits | undefined
  /** The version of Loom, for the description of the routes. @defaultValue 'unknown' */
  version?: string
  /** Fetches the public keys of the issuer of JWTs. @defaultValue the global `fetch` */
  fetch?: typeof fetch
  /** Receives each failed authentication. @defaultValue none */
  onAuthenticationFailure?: (failure: AuthenticationFailure) => void
  /** Receive each request. @defaultValue nothing does */
  watches?: readonly RequestWatch[]
  /** The metrics of `/metrics`. @defaultValue the server has none */
  metrics?: MetricsText | undefined
}

/** The objects that the routes share. */
export type World = AppOptions & Required<Omit<AppOptions, 'limits'>>
