/** The tool calls of an answer: which of them Loom ran, and which wait at the end of a part. */
import type { AgentEvent } from '../../event.ts'

export interface CallInput {
  id: string
  name: string
  /** The input as JSON. */
  arguments: string
  /** The id of the request for the decision of a human. Absent if the call needs none. */
  approvalId?: string
}

/** An outcome of a call: of one that Loom ran, or the result of the client for one of the part before. */
export type CallOutcome =
  | { of: 'loom'; call: CallInput; output: string }
  | { of: 'loom'; call: CallInput; errorText: string }
  | { of: 'client'; callId: string; output: string }

export class FunctionCalls {
  /** The calls of this part without an outcome. */
  readonly #calls = new Map<string, CallInput>()
  /** The calls that waited at the end of the part before. */
  readonly #earlier = new Map<string, CallInput>()

  get open(): CallInput[] {
    return [...this.#calls.values()]
  }

  /** The calls that are open now wait for the client or a human, and the events of the next part settle them. */
  beginPart(): void {
    for (const [id, call] of this.#calls) this.#earlier.set(id, call)
    this.#calls.clear()
  }

  /** Withdraws the calls of a step. None of them has an outcome. */
  reset(): void {
    this.#calls.clear()
  }

  add(event: AgentEvent): CallOutcome | undefined {
    switch (event.type) {
      case 'tool-input-available': {
        const { toolCallId: id, toolName: name, input, providerExecuted } = event
        // The provider has the call and its result.
        if (providerExecuted === true) return undefined
        this.#earlier.delete(id)
        this.#calls.set(id, { id, name, arguments: JSON.stringify(input ?? {}) })
        return undefined
      }
      case 'tool-approval-request': {
        const call = this.#calls.get(event.toolCallId)
        if (call !== undefined) call.approvalId = event.approvalId
        return undefined
      }
      case 'tool-output-available':
        return event.preliminary === true
          ? undefined
          : this.#settle(event.toolCallId, { output: textOfOutput(event.output) })
      case 'tool-output-error':
        return this.#settle(event.toolCallId, { errorText: event.errorText })
      case 'tool-input-error':
      case 'tool-output-denied':
        this.#take(event.toolCallId)
        return undefined
      default:
        return undefined
    }
  }

  #settle(
    id: string,
    outcome: { output: string } | { errorText: string },
  ): CallOutcome | undefined {
    const { call, isEarlier } = this.#take(id)
    if (call === undefined) return undefined
    if (!isEarlier || call.approvalId !== undefined) return { of: 'loom', call, ...outcome }
    const output = 'output' in outcome ? outcome.output : outcome.errorText
    return { of: 'client', callId: id, output }
  }

  #take(id: string): { call: CallInput | undefined; isEarlier: boolean } {
    const call = this.#calls.get(id)
    if (call !== undefined) this.#calls.delete(id)
    const earlier = this.#earlier.get(id)
    if (call === undefined) this.#earlier.delete(id)
    return { call: call ?? earlier, isEarlier: call === undefined }
  }
}

/** The results of the API are texts. */
const textOfOutput = (output: unknown): string =>
  typeof output === 'string' ? output : JSON.stringify(output ?? null)
