/** What a sandbox makes of a program: another program, and what that reads at its start. */

/** A program and its arguments. */
export type Argv = readonly [program: string, ...rest: string[]]

/** How to start a program so that it runs confined. */
export interface Confined {
  argv: Argv
  /** Each is read to its end from a descriptor of its own: `inputFd`, and those after it. */
  inputs: readonly Uint8Array[]
}

/** The descriptor of the first of a sandbox's inputs. */
export const inputFd = 5
