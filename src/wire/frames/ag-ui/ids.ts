/**
 * The ids of AG-UI messages and calls. AG-UI has a message for each step, each reasoning part and each result, and a
 * Loom answer is one message. So an id begins with the id of the answer and the number of the step.
 */

/** @param step the number of the step in the answer, from 0 */
export const stepMessageId = (answerId: string, step: number): string =>
  `${answerId}.${Math.max(step, 0)}`

/** @param index the number of the reasoning part in its step, from 0 */
export const reasoningId = (stepId: string, index: number): string => `${stepId}.reasoning.${index}`

/**
 * The ids of the calls of a thread. AG-UI finds a call by its id in all messages. Some models count their calls from 0
 * in every reply, so an id that the thread has already gets the id of its step in front.
 */
export class CallIds {
  readonly #used: Set<string>

  constructor(used: Iterable<string> = []) {
    this.#used = new Set(used)
  }

  idOf(stepId: string, toolCallId: string): string {
    const id = this.#used.has(toolCallId) ? `${stepId}.${toolCallId}` : toolCallId
    this.#used.add(id)
    return id
  }

  /** Forgets the ids of a step that was withdrawn. */
  release(ids: Iterable<string>): void {
    for (const id of ids) this.#used.delete(id)
  }
}

export const resultId = (callId: string): string => `${callId}.result`

/** Returns the model's own id of a call: the reverse of `CallIds`. */
export function toolCallIdIn(answerId: string, callId: string): string {
  const start = `${answerId}.`
  if (!callId.startsWith(start)) return callId
  const [, own] = /^\d+\.(.+)$/s.exec(callId.slice(start.length)) ?? []
  return own ?? callId
}

/** The arguments of a call as text. An input that is no JSON is the text of the model. */
export const argumentsOf = (input: unknown): string =>
  typeof input === 'string' ? input : JSON.stringify(input ?? {})

/** The output of a call as text. */
export const outputText = (output: unknown): string =>
  typeof output === 'string' ? output : JSON.stringify(output ?? null)
