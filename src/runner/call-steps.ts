/**
 * The steps inside one tool call (`ToolContext.step`). The result of each finished step is stored before
 * the tool receives it, so that a call that runs again after the death of its process repeats no
 * finished step.
 */
import type { JSONValue } from '@ai-sdk/provider'

import type { StepRecord } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import type { StepAttempt } from '../tool.ts'
import { outputOf } from './output-limits.ts'
import type { ToolCall } from './tool-inputs.ts'

const stepsMax = 1000
const nameMax = 100

export interface CallStepsOptions {
  call: ToolCall
  /** Awaited before each step. */
  beforeStart: (() => Promise<void>) | undefined
  /** Stores a finished step. Undefined if there is no session. */
  record: ((step: StepRecord) => Promise<void>) | undefined
}

export class CallSteps {
  readonly #options: CallStepsOptions
  readonly #stored: ReadonlyMap<string, StepRecord>
  /** The steps of this attempt of the call that run or are finished. */
  readonly #names = new Set<string>()
  #isClosed = false

  constructor(options: CallStepsOptions) {
    this.#options = options
    this.#stored = new Map(options.call.steps?.map((step) => [step.name, step]))
  }

  /** No step begins or is stored any more. */
  close(): void {
    this.#isClosed = true
  }

  /** @param attempt the key of the call, and its signal */
  run<VALUE>(
    name: string,
    work: (attempt: StepAttempt) => VALUE | Promise<VALUE>,
    attempt: StepAttempt,
  ): Promise<VALUE>
  async run(
    name: string,
    work: (attempt: StepAttempt) => unknown,
    { key, signal }: StepAttempt,
  ): Promise<unknown> {
    this.#begin(name)
    const stored = this.#stored.get(name)
    if (stored !== undefined) return stored.output
    try {
      await this.#options.beforeStart?.()
      this.#checkOpen(name)
      signal.throwIfAborted()
      const output = await outputIn(name, await work({ key: `${key}:${name}`, signal }))
      // The model has an outcome of the call by now, which the step does not change.
      this.#checkOpen(name)
      await this.#options.record?.({
        type: 'tool-step',
        toolCallId: this.#options.call.toolCallId,
        name,
        ...(output !== undefined && { output }),
      })
      return output
    } catch (error) {
      // The tool may try the step again.
      this.#names.delete(name)
      throw error
    }
  }

  #begin(name: string): void {
    if (typeof name !== 'string' || name === '' || name.length > nameMax) {
      throw fault(`The name of a step is a text of 1 to ${nameMax} characters.`)
    }
    this.#checkOpen(name)
    if (this.#names.has(name)) {
      throw fault(
        `The step "${name}" was begun already in this call. Give each step its own name, for example "${name}-2".`,
      )
    }
    if (this.#names.size >= stepsMax) {
      throw fault(`A call has at most ${stepsMax} steps. Do several things in one step.`)
    }
    this.#names.add(name)
  }

  #checkOpen(name: string): void {
    if (!this.#isClosed) return
    throw fault(`The call is over, so the step "${name}" has no effect. Await each step.`)
  }
}

async function outputIn(name: string, value: unknown): Promise<JSONValue | undefined> {
  if (value === undefined) return undefined
  try {
    return await outputOf(value)
  } catch (cause) {
    throw fault(
      `The result of the step "${name}" cannot be stored: ${errorMessage(cause)} Return JSON, or undefined.`,
      cause,
    )
  }
}

const fault = (text: string, cause?: unknown) => new LoomError('invalid-request', text, { cause })
