/** The calls of an answer that have no outcome yet. At its end, they wait for the client or a human. */
import type { AgentEvent } from '../../../event.ts'
import type { AgUiInterrupt, AgUiOutcome } from './events.ts'

interface WaitingCall {
  /** The id of the call in AG-UI. */
  id: string
  name: string
  input: unknown
  /** The approval request that waits for a human. */
  approvalId?: string
  /** Whether the call runs already, or did, for example as a task. */
  hasBegun: boolean
}

export class WaitingCalls {
  readonly #calls = new Map<string, WaitingCall>()

  /** Notes that a human has decided on a call. */
  decide(approvalId: string): void {
    for (const call of this.#calls.values())
      if (call.approvalId === approvalId) call.hasBegun = true
  }

  /** @param id the id of the call in AG-UI */
  note(event: AgentEvent, id: string): void {
    switch (event.type) {
      case 'tool-input-available':
        if (event.providerExecuted === true) return
        this.#calls.set(event.toolCallId, {
          id,
          name: event.toolName,
          input: event.input,
          hasBegun: false,
        })
        return
      case 'tool-approval-request': {
        const call = this.#calls.get(event.toolCallId)
        if (call !== undefined) call.approvalId = event.approvalId
        return
      }
      case 'tool-output-available':
        if (event.preliminary === true) {
          const call = this.#calls.get(event.toolCallId)
          if (call !== undefined) call.hasBegun = true
        } else this.#calls.delete(event.toolCallId)
        return
      case 'tool-input-error':
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#calls.delete(event.toolCallId)
        return
      default:
    }
  }

  /** Removes the calls of a step that was withdrawn. */
  withdraw(ids: ReadonlySet<string>): void {
    for (const [key, { id }] of this.#calls) if (ids.has(id)) this.#calls.delete(key)
  }

  /**
   * Returns the outcome of a run that ends now. A call of a tool that the client offered is the client's. Every other one
   * is a question to a human.
   * @param offered the names of the tools that the client offered
   */
  outcome(offered: ReadonlySet<string>): AgUiOutcome {
    const waiting = [...this.#calls.values()].filter(({ hasBegun }) => !hasBegun)
    const interrupts = waiting
      .filter(({ name, approvalId }) => approvalId !== undefined || !offered.has(name))
      .map(interruptOf)
    if (interrupts.length > 0) return { type: 'interrupt', interrupts }
    const pending = waiting.map(({ id }) => id)
    return { type: 'success', ...(pending.length > 0 && { pendingToolCallIds: pending }) }
  }
}

function interruptOf({ id, name, input, approvalId }: WaitingCall): AgUiInterrupt {
  if (approvalId !== undefined) {
    return {
      id: approvalId,
      reason: 'tool_call',
      message: `The tool "${name}" needs an approval.`,
      toolCallId: id,
      responseSchema: decisionSchema,
    }
  }
  const { question, options } = questionIn(input)
  const isQuestion = question !== undefined
  return {
    id,
    reason: 'input_required',
    message: question ?? `The tool "${name}" needs a result.`,
    toolCallId: id,
    responseSchema: isQuestion
      ? { type: 'string', ...(options !== undefined && { examples: options }) }
      : {},
  }
}

const decisionSchema = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, reason: { type: 'string' } },
  required: ['approved'],
}

/** The question of a call such as one of the tool `human`. */
function questionIn(input: unknown): { question?: string; options?: string[] } {
  if (typeof input !== 'object' || input === null || !('question' in input)) return {}
  const { question } = input
  if (typeof question !== 'string') return {}
  const given: unknown = 'options' in input ? input.options : undefined
  const isText = (option: unknown): option is string => typeof option === 'string'
  const options = Array.isArray(given) ? given.filter(isText) : []
  return { question, ...(options.length > 0 && { options }) }
}
