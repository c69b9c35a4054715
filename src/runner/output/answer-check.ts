/**
 * The check of an agent's final answer against its `output` schema. An answer that does not fit goes back
 * to the model with the error, a limited number of times.
 */
import type { ModelMessage } from 'ai'

import type { FinishReason } from '../../event.ts'
import { LoomError } from '../../ground/error.ts'
import { isCutOff } from '../../model/finish-reason.ts'
import type { Sink } from '../../sink.ts'
import type { StepReader } from '../step-reader.ts'
import type { OutputSchema } from './output-schema.ts'
import { type Output, readOutput } from './read-output.ts'

/** A model that fails this often does not understand the schema. */
const repairsMax = 2

export interface AnswerCheckOptions {
  /** Returns the schema of the current step. */
  schema: () => OutputSchema | undefined
  /** The conversation of the run. A request for a correction is added to it. */
  messages: ModelMessage[]
  /** Creates a message in the user's place. */
  note: (text: string) => ModelMessage
  emit: Sink
  /** Waits for rules of the schema, which may be asynchronous, but not without end. */
  inTime: <RESULT>(call: () => Promise<RESULT>) => Promise<RESULT>
  /** Whether the model continues a partial reply at the end of the messages. */
  isContinued: boolean
}

type Answer = Pick<StepReader, 'text' | 'finishReason'>

export class AnswerCheck {
  /** The output of the run. Undefined before the answer. */
  output: Output | undefined
  /** Whether the model corrects its answer now. */
  isRepair = false

  readonly #options: AnswerCheckOptions
  #repairs = 0
  /** The texts of the answer so far, if its reply was cut off and the model continues it. */
  readonly #parts: string[]

  constructor(options: AnswerCheckOptions) {
    this.#options = options
    this.#parts = options.isContinued ? lastTexts(options.messages) : []
  }

  /** Records a partial reply, which the model continues in its next reply. */
  addPart(text: string): void {
    this.#parts.push(text)
  }

  /**
   * The text of a final answer that an earlier process left without its end. Undefined if there is none. A
   * model that is asked after a message of its own would add to it.
   */
  get unfinished(): string | undefined {
    const last = this.#options.messages.at(-1)
    if (this.#options.schema() === undefined || this.#parts.length > 0) return undefined
    return last?.role === 'assistant' ? textOf(last) || undefined : undefined
  }

  /**
   * Checks a final answer and reports the output, or asks the model for a corrected answer.
   * @param isLast whether the run has no step left for a correction
   * @returns whether the answer stands
   * @throws LoomError `output-invalid` if the model has no attempt left
   */
  async check({ text, finishReason }: Answer, isLast: boolean): Promise<boolean> {
    const { emit, messages, note, inTime } = this.#options
    const schema = this.#options.schema()
    if (schema === undefined) return true
    const parts = this.#parts.splice(0)
    // An answer that did not fit may stand before the partial one.
    const texts = parts.map((_, index) => parts.slice(index).join('') + text)
    const isPartial = isCutOff(finishReason)
    const read = await inTime(() =>
      readOutput(texts.length > 0 ? texts : [text], schema, { isPartial }),
    )
    this.isRepair = !('value' in read)
    if ('value' in read) {
      this.output = read
      // With an id, a second event after a takeover replaces the first one.
      await emit({ type: 'data-output', id: 'output', data: read.json })
      return true
    }
    if (isLast || this.#repairs === repairsMax) throw invalid(read.refusal, this.#repairs)
    this.#repairs++
    messages.push(note(repairText(read.refusal, finishReason)))
    return false
  }
}

/** The texts of the messages of the model at the end of a conversation, oldest first. */
function lastTexts(messages: readonly ModelMessage[]): string[] {
  const from = messages.findLastIndex(({ role }) => role !== 'assistant') + 1
  return messages.slice(from).map(textOf)
}

function textOf({ content }: ModelMessage): string {
  if (typeof content === 'string') return content
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

function repairText(refusal: string, finishReason: FinishReason | undefined): string {
  const cause =
    finishReason === 'length' ? ' It reached its length limit, so write a shorter one.' : ''
  return `Your answer does not fit the JSON schema of the answer:\n${refusal}\nAnswer again with only the corrected JSON value.${cause}`
}

function invalid(refusal: string, repairs: number): LoomError {
  const attempts =
    repairs === 0 ? '' : `, also after ${repairs} correction${repairs > 1 ? 's' : ''}`
  return new LoomError(
    'output-invalid',
    `The model's answer does not fit the output schema${attempts}: ${refusal}`,
  )
}
