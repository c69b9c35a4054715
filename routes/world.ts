/** What the routes are given: nothing here is read from the process. */
import type { Config } from '../src/config.ts'
import type { Loom } from '../src/loom.ts'

export interface AppOptions {
  loom: Loom
  config: Config
  /** False while the server drains. @defaultValue always true */
  isReady?: () => boolean
}

/** What the routes share. */
export type World = Required<AppOptions>
