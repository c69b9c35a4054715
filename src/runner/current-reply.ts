/**
 * The reply that a run is reading, or whose tool calls it is running. Holds its cost, the messages
 * that it becomes, and its end if the run fails.
 */
import type { ModelMessage, ToolResultPart } from 'ai'

import type { StepInfo } from '../agent.ts'
import type { FinishReason } from '../event.ts'
import type { Sink } from '../sink.ts'
import { unstoredItems, withoutItemId } from '../wire/conversation/stored-items.ts'
import type { Ledger } from './ledger.ts'
import type { StepReader } from './step-reader.ts'
import { failed, ofCall } from './tool-calls.ts'

export class CurrentReply {
  /** The text of the last reply that became a message. */
  text = ''
  /** The finish reason of the same reply. */
  finishReason: FinishReason = 'other'
  /** Time of the first text, reasoning or call; milliseconds on the monotonic clock. */
  firstContentAt: number | undefined

  readonly #ledger: Ledger
  readonly #emit: Sink
  #reader: StepReader | undefined
  /** `provider/model-id` of the model that gives the reply. */
  #model: string | undefined
  /** The reply whose cost the ledger already has. */
  #charged: StepReader | undefined

  constructor(ledger: Ledger, emit: Sink) {
    this.#ledger = ledger
    this.#emit = emit
  }

  /** Starts an attempt to get a reply. The attempt before it, if any, has failed. */
  begin(reader: StepReader, model: string): void {
    if (this.#reader !== undefined) this.charge(this.#reader)
    this.#reader = reader
    this.#model = model
  }

  /** Adds the cost of a reply to the ledger, exactly once for each reply. */
  charge(reader: StepReader): void {
    if (this.#charged === reader) return
    this.#charged = reader
    this.firstContentAt ??= reader.firstContentAt
    this.#ledger.add(reader.spending, this.#model)
  }

  /** Ends the reply with the results of its calls. Returns the messages that it becomes. */
  keep(reader: StepReader, results: ToolResultPart[]): ModelMessage[] {
    this.#reader = undefined
    this.charge(reader)
    this.text = reader.text
    this.finishReason = reader.finishReason ?? 'other'
    return [...messagesOf(reader), ...resultMessages(results)]
  }

  /** Like `keep`, for a reply that broke off. Its calls do not run. */
  async keepPartial(reader: StepReader): Promise<ModelMessage[]> {
    await this.#reportUnstored(reader)
    return this.keep(reader, refusals(reader))
  }

  /** Ends the reply if the run fails. Returns the messages that it becomes; none if there is no reply. */
  async fail(errorText: string): Promise<ModelMessage[]> {
    const reader = this.#reader
    if (reader === undefined) return []
    await reader.close()
    for (const call of reader.calls.filter(({ refusal }) => refusal === undefined)) {
      await this.#emit({ type: 'tool-output-error', errorText, ...ofCall(call) })
    }
    await this.#reportUnstored(reader)
    return this.keep(reader, refusals(reader, errorText))
  }

  /** Prevents a later request from naming an item of a response that did not complete. */
  async #reportUnstored(reader: StepReader): Promise<void> {
    const messageMetadata = isPartial(reader) ? unstoredItems(reader.content) : undefined
    if (messageMetadata === undefined) return
    await this.#emit({ type: 'message-metadata', messageMetadata })
  }
}

/** Whether the reply broke off. A provider that stores its answers has not stored such a reply. */
const isPartial = ({ finishReason }: StepReader) =>
  finishReason === undefined || finishReason === 'error'

function messagesOf(reader: StepReader): ModelMessage[] {
  const partial = isPartial(reader)
  // If a reply broke off and contains only reasoning, the reasoning has no signature. Providers
  // refuse reasoning without a signature.
  if (!reader.content.some(({ type }) => !partial || type !== 'reasoning')) return []
  const content = partial ? reader.content.map(withoutItemId) : reader.content
  return [{ role: 'assistant', content }]
}

/** The results of tool calls as a message; no message if there are no results. */
export const resultMessages = (content: ToolResultPart[]): ModelMessage[] =>
  content.length > 0 ? [{ role: 'tool', content }] : []

/** The results of calls that did not run. */
const refusals = (reader: StepReader, reason = 'Not run.'): ToolResultPart[] =>
  reader.calls.flatMap((call) => failed(call, call.refusal ?? reason).part ?? [])

/** The fields that `onStep` receives about a reply and the results of its calls. */
export const stepOf = (
  { text, calls }: StepReader,
  results: readonly ToolResultPart[],
): Pick<StepInfo, 'text' | 'toolCalls' | 'toolResults'> => ({
  text,
  toolCalls: calls.map(({ toolCallId, toolName, input }) => ({ toolCallId, toolName, input })),
  toolResults: results.map(({ toolCallId, toolName, output }) => ({
    toolCallId,
    toolName,
    output: 'value' in output ? output.value : null,
    isError: output.type.startsWith('error'),
  })),
})
