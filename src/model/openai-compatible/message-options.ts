/** The options that decide the form of messages on the wire. */
import type { Family } from './family.ts'

export interface MessageOptions {
  /** The provider whose file references and metadata are used. */
  provider: string
  /** The key of `providerOptions` with the reasoning signatures of tool calls. */
  metadataKey: string
  /** `provider/model-id`. Content that this model sent in a form of its own goes back in that form. */
  model: string
  family: Family
  /** Whether tool results keep their parts. If not, they become text. */
  multiPartToolResults: boolean
}
