/** The objects that the routes receive. No route reads anything from the process. */
import type { Config } from '../src/config.ts'
import type { Loom } from '../src/loom.ts'

export interface AppOptions {
  loom: Loom
  config: Config
  /** False while the server drains. @defaultValue always true */
  isReady?: () => boolean
  /** The version of Loom, for the description of the routes. @defaultValue 'unknown' */
  version?: string
}

/** The objects that the routes share. */
export type World = Required<AppOptions>
