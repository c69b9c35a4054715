/** The command line that runs a program in a sandbox. */

/** A program and its arguments. */
export type Argv = readonly [program: string, ...rest: string[]]

/** A command line and its inputs, which run a program confined. */
export interface ConfinedProgram {
  /** The command line that runs the program in the sandbox. */
  argv: Argv
  /** The sandbox reads each input to its end, from descriptor `inputFd` and those after it. */
  inputs: readonly Uint8Array[]
}

/** The descriptor of a sandbox's first input. */
export const inputFd = 5
