/** What decides the form of messages on the wire. */
import type { Family } from './family.ts'

export interface MessageOptions {
  /** Whose file references and metadata are meant. */
  provider: string
  /** The key of `providerOptions` under which the thought signatures of tool calls are found. */
  metadataKey: string
  /** `provider/model-id`: what this model gave in a form of its own goes back in that form. */
  model: string
  family: Family
  /** Tool results keep their parts instead of becoming text. */
  multiPartToolResults: boolean
}
