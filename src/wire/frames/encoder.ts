/**
 * The port of `frames.ts`: the protocols, the profiles of their readers, and an encoder for one
 * answer.
 */
import type { AgentEvent } from '../../event.ts'

/**
 * The major version of the AI SDK of a reader. Without a profile, a reader gets the chunks that all
 * three versions accept, and the chunks that a feature itself needs (approvals, which ai 5 does not
 * have).
 */
export type Profile = 'v5' | 'v6' | 'v7'

export const profiles: readonly Profile[] = ['v5', 'v6', 'v7']

/** Returns true if a reader of this profile accepts the chunks of `other`. */
export const isAtLeast = (profile: Profile | undefined, other: Profile): boolean =>
  profile !== undefined && profiles.indexOf(profile) >= profiles.indexOf(other)

/** `ui`: ai 5 to 7. `data`: the data stream of ai 4. `text`: only the text of the answer. */
export type Protocol = 'ui' | 'text' | 'data'

export const protocols: readonly Protocol[] = ['ui', 'text', 'data']

/** Encodes one answer. An encoder may depend on the events before, so every reader has its own. */
export interface Encoder {
  /**
   * The name of the encoding, if it does not depend on earlier events. Encoders with the same name
   * return the same bytes for an event, so one of them can encode for all. Undefined if the bytes
   * depend on earlier events.
   */
  readonly sharedAs: string | undefined
  /** The headers of the response. */
  readonly headers: Readonly<Record<string, string>>
  /**
   * Returns the bytes of an event, or undefined if this reader does not receive it.
   * @param cursor the place of the event in its log: the SSE `id`
   */
  encode: (event: AgentEvent, cursor: string) => string | undefined
  /** The bytes after the frame of `finish`. */
  readonly last: string
  /** Bytes that keep proxies from closing an idle connection. Undefined if the protocol has none. */
  readonly keepAlive: string | undefined
  /**
   * False if a failed answer looks like a complete one, so that only a reset connection shows the
   * failure.
   */
  readonly reportsErrors: boolean
  /**
   * Receives each event for clients before `encode` does. `encode` may receive a placeholder in the place of a large
   * value. Undefined if the encoder needs no values.
   */
  readonly note?: (event: AgentEvent) => void
  /** True if a frame has the output of a call as a text: a string as it is, any other value as JSON. */
  readonly writesOutputAsText?: true
  /** True if a frame has the data of a `data-` event as text inside of its JSON, so that it cannot be sent in pieces. */
  readonly nestsData?: true
  /** The same for the output of a tool. */
  readonly nestsOutput?: true
  /** Returns whether the answer has ended for this reader, although its log may go on. Absent if both end together. */
  readonly isOver?: () => boolean
}
