/** The variables of a process. No other file reads `process.env`. */

/** Variables as `process.env` has them. An empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process, for library use without a `Config`. */
export function processEnvironment(): Environment {
  return process.env
}
