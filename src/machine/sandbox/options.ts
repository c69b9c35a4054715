/** The options of a sandbox, and the place of one command. */
import type { Environment } from '../../ground/environment.ts'

/**
 * The strictness of a sandbox. `auto` takes the strongest kind that works, and reports it once if that is
 * not bubblewrap. `none` confines nothing. The other modes refuse to run an unconfined command: `bwrap`
 * requires bubblewrap, and `required` any sandbox that isolates files, network and processes, which today
 * is bubblewrap too.
 * @example
 * ```ts
 * import type { SandboxMode } from 'loomkit'
 *
 * const mode: SandboxMode = 'required'
 * ```
 */
export type SandboxMode = 'auto' | 'bwrap' | 'none' | 'required'

/**
 * The options of a sandbox.
 * @example
 * ```ts
 * import { env } from 'node:process'
 * import type { SandboxOptions } from 'loomkit'
 *
 * const options: SandboxOptions = { environment: env, network: true, hidden: ['/srv/project/.env'] }
 * ```
 */
export interface SandboxOptions {
  /** The environment of this process. The sandbox reads `PATH` and `HOME` and the places of toolchains. */
  environment: Environment
  /** The strictness of the sandbox. @defaultValue 'auto' */
  mode?: SandboxMode
  /** Gives commands the network of this machine, with its services on localhost. @defaultValue false */
  network?: boolean
  /** Files and folders that commands may read, in addition to the system's own. @defaultValue none */
  readable?: readonly string[]
  /** Files and folders that commands may change, in addition to the workspace. @defaultValue none */
  writable?: readonly string[]
  /** Files and folders that appear empty to commands, also in the workspace. @defaultValue none */
  hidden?: readonly string[]
  /** Names of environment variables that commands receive besides the harmless ones. @defaultValue none */
  variables?: readonly string[]
  /**
   * The maximum memory of a command in bytes, as in `BashOptions`.
   * @defaultValue half of the memory that Loom may use
   */
  memoryBytesMax?: number
  /** The maximum number of bytes that a command may write, as in `BashOptions`. @defaultValue 10 GiB */
  diskBytesMax?: number
  /**
   * Receives one line, once, if commands are confined less than by bubblewrap.
   * @defaultValue ignores the line
   */
  notice?: (line: string) => void
  /** The paths of the programs. @defaultValue the programs in `PATH` */
  programs?: {
    /** The path of bubblewrap. @defaultValue `bwrap` in `PATH` */
    bwrap?: string
    /** The path of `unshare`, from util-linux. @defaultValue `unshare` in `PATH` */
    unshare?: string
  }
}

/** The kind of a sandbox. `unshare` isolates processes and the network, but not files. */
export type SandboxKind = 'bwrap' | 'unshare' | 'none'

/** The place of one command. */
export interface CommandFolders {
  /** The real path of the folder in which the command runs, and which it may change. */
  workspace: string
  /** Additional paths that this command may read. */
  readable: readonly string[]
  /** Paths that appear empty to this command. Missing paths are ignored. */
  hidden: readonly string[]
}
