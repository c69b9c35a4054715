/** The flags of `loom chat`, and the check that they do not contradict each other. */
import { LoomError } from '../ground/error.ts'

export type OutputFormat = 'text' | 'json' | 'stream-json'

/** The flags as commander parses them. */
export interface ChatFlags {
  interactive?: boolean
  model?: string
  agent?: string
  system?: string
  tools?: readonly string[]
  maxSteps?: number
  temperature?: number
  yes?: boolean
  allow?: readonly string[]
  mcp?: readonly string[]
  session?: string
  continue?: boolean
  url?: string
  watch?: boolean
  timeout?: number
  outputFormat?: OutputFormat
  json?: boolean
  quiet?: boolean
  verbose?: boolean
}

/** The flags that apply only to a conversation in this process. */
const localFlags = ['model', 'system', 'tools', 'mcp', 'maxSteps', 'temperature'] as const

/** @throws LoomError `invalid-request` for flags that contradict each other */
export function checkFlags(flags: ChatFlags, words: readonly string[]): void {
  const refuse = (message: string): never => {
    throw new LoomError('invalid-request', message)
  }
  const local = localFlags.find((name) => flags[name] !== undefined)
  if (flags.url !== undefined && local !== undefined) {
    refuse(`--${flagName(local)} is a setting of the server: leave it out with --url.`)
  }
  // A script with an empty variable would otherwise begin a session with an empty name.
  if (flags.session?.trim() === '') refuse('--session needs an id.')
  if (flags.session !== undefined && flags.continue === true) {
    refuse('--continue continues the last session: leave out --session, or --continue.')
  }
  const isTalk = flags.interactive === true || words.length > 0
  if (flags.watch === true && (flags.session === undefined || isTalk)) {
    refuse('--watch needs a --session to watch, and takes no message.')
  }
  if (flags.interactive === true && formatOf(flags) !== 'text') {
    refuse('--interactive is for people: leave out --json and --output-format.')
  }
}

export const formatOf = ({ json, outputFormat }: ChatFlags): OutputFormat =>
  json === true ? 'json' : (outputFormat ?? 'text')

const flagName = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
