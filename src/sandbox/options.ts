/** What a sandbox is asked for, and where one command of it runs. */
import type { Environment } from '../environment.ts'

/**
 * `auto` takes the best that works and says so once if that is not bubblewrap, `none` confines
 * nothing, and the others refuse to run a command that is not confined: `bwrap` by bubblewrap,
 * `required` by whatever keeps files, network and processes apart. Today that is bubblewrap too.
 */
export type SandboxMode = 'auto' | 'bwrap' | 'none' | 'required'

export interface SandboxOptions {
  /** Where `PATH` and `HOME` are read from. */
  environment: Environment
  /** @defaultValue 'auto' */
  mode?: SandboxMode
  /** Lets commands reach what this machine reaches, services on localhost too. @defaultValue false */
  network?: boolean
  /** Files and folders that commands may read, beside the system's own. @defaultValue none */
  readable?: readonly string[]
  /** Files and folders that commands may change, beside the workspace. @defaultValue none */
  writable?: readonly string[]
  /** Files and folders that commands see empty, in the workspace too. @defaultValue none */
  hidden?: readonly string[]
  /** Names of variables of the environment that commands get, beside the harmless ones. @defaultValue none */
  variables?: readonly string[]
  /** Bytes of memory that a command may use, as in `BashOptions`. @defaultValue half of the memory that Loom may use */
  memoryBytesMax?: number
  /** Bytes that a command may write, as in `BashOptions`. @defaultValue 10 GiB */
  diskBytesMax?: number
  /** Is told once, where commands are confined less than by bubblewrap. @defaultValue nobody is */
  notice?: (line: string) => void
  /** Where the programs are. @defaultValue looked for in `PATH` */
  programs?: { bwrap?: string; unshare?: string }
}

export interface Place {
  /** A real path: the one folder that a command may change. It runs there. */
  workspace: string
  /** More that this command may read. */
  readable: readonly string[]
  /** What this command sees empty, if it is there. */
  hidden: readonly string[]
}
