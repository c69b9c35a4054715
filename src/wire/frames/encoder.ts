/** The port of `frames.ts`: protocols, the profiles of their readers, and an encoder of one answer. */
import type { AgentEvent } from '../../event.ts'

/**
 * The AI SDK major that a reader speaks. Undeclared means what all three accept, and the chunks
 * that a feature itself needs (approvals, which ai 5 does not have).
 */
export type Profile = 'v5' | 'v6' | 'v7'

export const profiles: readonly Profile[] = ['v5', 'v6', 'v7']

/** `ui`: ai 5 to 7. `data`: the data stream of ai 4. `text`: the answer's text and nothing else. */
export type Protocol = 'ui' | 'text' | 'data'

export const protocols: readonly Protocol[] = ['ui', 'text', 'data']

/** Makes the bytes of one answer. It may remember what was sent, so every reader has its own. */
export interface Encoder {
  /**
   * What it encodes for, where it remembers nothing: encoders of one name make the same bytes of an
   * event, so one of them may do it for all. Undefined where the bytes depend on what came before.
   */
  readonly sharedAs: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /**
   * The bytes of an event, undefined where this reader is not told of it.
   * @param cursor where the event stands in its log: the SSE `id`
   */
  encode: (event: AgentEvent, cursor: string) => string | undefined
  /** What follows the frame of `finish`. */
  readonly last: string
  /** Says nothing but keeps proxies from closing an idle connection. Undefined where nothing can. */
  readonly keepAlive: string | undefined
  /** False where a failed answer reads like a whole one, so that only a reset connection tells. */
  readonly tellsErrors: boolean
}
