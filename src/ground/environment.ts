/** The variables of a process. No other file reads `process.env`. */

/** Variables in the form of `process.env`. An empty one counts as not set. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The environment of this process, for library use without a `Config`. */
export function processEnvironment(): Environment {
  return process.env
}
