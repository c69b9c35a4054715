/** A model that sends the replies of a test, one for each call, and records the calls. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import { type Clock, systemClock, wait } from '../ground/clock.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { Generated } from '../model/generated.ts'
import { type ModelCall, modelCall } from './model-call.ts'
import {
  contentParts,
  failureOf,
  endPart,
  type ScriptedReply,
  short,
  summaryOf,
} from './scripted-reply.ts'

/**
 * A step of a scripted model: the reply to one call. A string is a reply with this text. A function receives
 * the call and returns the reply; an error that it throws fails the call and is not retried.
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 *
 * import type { ScriptedStep } from 'loomkit/testing'
 *
 * const greeting: ScriptedStep = ({ system }) => {
 *   assert.match(system, /friendly/)
 *   return 'Hello!'
 * }
 * ```
 */
export type ScriptedStep =
  | string
  | ScriptedReply
  | ((call: ModelCall) => string | ScriptedReply | Promise<string | ScriptedReply>)

/**
 * The options of `scriptedModel`.
 * @example
 * ```ts
 * import { fakeClock, scriptedModel, type ScriptedModelOptions } from 'loomkit/testing'
 *
 * const options: ScriptedModelOptions = { provider: 'openai', modelId: 'gpt-5-mini', clock: fakeClock() }
 * const model = scriptedModel([{ text: 'Slow.', delayMs: 5000 }], options)
 * ```
 */
export interface ScriptedModelOptions {
  /** The provider that the model reports. @defaultValue 'scripted' */
  provider?: string
  /** The id that the model reports. @defaultValue 'model' */
  modelId?: string
  /** The clock of `delayMs` and `chunkDelayMs`. @defaultValue the clock of the process */
  clock?: Clock
}

/**
 * A model that `scriptedModel` returns: a `LanguageModelV4` with a record of its calls.
 * @example
 * ```ts
 * import { scriptedModel, type ScriptedModel } from 'loomkit/testing'
 *
 * const model: ScriptedModel = scriptedModel(['Hello.'])
 * const { remaining } = model
 * ```
 */
export interface ScriptedModel extends LanguageModelV4 {
  /** The calls so far, in order. */
  readonly calls: readonly ModelCall[]
  /** The number of steps that no call has used yet. */
  readonly remaining: number
  /**
   * Checks at the end of a test that the calls and the steps agree.
   * @throws Error if a step was not used; the error of a step's function; or the error of a call that came
   * after the last step, also if a callback of the agent hid it
   */
  assertEnd(): void
}

/**
 * Returns a model that answers each call with the next step. Use it as the `model` of an agent or of a run,
 * or under a name with `scriptedModels`. A call after the last step fails with an error that contains the
 * end of its prompt.
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 * import { scriptedModel } from 'loomkit/testing'
 *
 * const agent = defineAgent({ name: 'greeter', systemPrompt: 'Greet the user.' })
 * const model = scriptedModel(['Hello, Ann!'])
 * const { text } = await run(agent, 'I am Ann.', { model })
 * model.assertEnd()
 * ```
 */
export function scriptedModel(
  steps: readonly ScriptedStep[],
  options: ScriptedModelOptions = {},
): ScriptedModel {
  return new Script(steps, options)
}

class Script implements ScriptedModel {
  readonly specificationVersion = 'v4'
  readonly supportedUrls = {}
  readonly provider: string
  readonly modelId: string
  readonly calls: ModelCall[] = []
  readonly #steps: readonly ScriptedStep[]
  readonly #clock: Clock
  #toolCalls = 0
  #failure: Error | undefined

  constructor(
    steps: readonly ScriptedStep[],
    { provider = 'scripted', modelId = 'model', clock = systemClock }: ScriptedModelOptions,
  ) {
    this.#steps = steps
    this.provider = provider
    this.modelId = modelId
    this.#clock = clock
  }

  get remaining(): number {
    return Math.max(0, this.#steps.length - this.calls.length)
  }

  assertEnd(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.remaining === 0) return
    const unused = this.#steps.slice(this.calls.length)
    const lines = unused.map((step, index) => {
      const number = this.calls.length + index + 1
      return `  step ${number} of ${this.#steps.length}: ${stepSummary(step)}`
    })
    throw new Error(
      `${this.#name} has steps that no call used. Remove them, or find the call that is missing.\n${lines.join('\n')}`,
    )
  }

  async doStream(options: LanguageModelV4CallOptions) {
    const reply = await this.#reply(options)
    const content = contentParts(reply, () => `call-${++this.#toolCalls}`)
    const signal = options.abortSignal
    signal?.throwIfAborted()
    if (reply.delayMs !== undefined) await wait(this.#clock, reply.delayMs, signal)
    if (reply.error !== undefined && content.length === 0) throw failureOf(reply.error)
    return { stream: ReadableStream.from(this.#parts(reply, content, signal)) }
  }

  async doGenerate(options: LanguageModelV4CallOptions) {
    const { stream } = await this.doStream(options)
    const generated = new Generated()
    for await (const part of stream) generated.add(part)
    return generated.result()
  }

  async #reply(options: LanguageModelV4CallOptions): Promise<ScriptedReply> {
    const call = modelCall(options)
    const step = this.#steps[this.calls.length]
    this.calls.push(call)
    if (step === undefined) throw this.#fail(this.#ended(call))
    if (typeof step !== 'function') return replyOf(step)
    try {
      return replyOf(await step(call))
    } catch (error) {
      throw this.#fail(error)
    }
  }

  async *#parts(
    { chunkDelayMs = 0, hangs, error, ...reply }: ScriptedReply,
    content: readonly LanguageModelV4StreamPart[],
    signal: AbortSignal | undefined,
  ): AsyncGenerator<LanguageModelV4StreamPart> {
    yield { type: 'stream-start', warnings: [] }
    let chunks = 0
    for (const part of content) {
      if (isChunk(part) && ++chunks > 1 && chunkDelayMs > 0) {
        await wait(this.#clock, chunkDelayMs, signal)
      }
      signal?.throwIfAborted()
      yield part
    }
    if (hangs === true) await abortOf(signal)
    if (error !== undefined) throw failureOf(error)
    yield endPart(reply)
  }

  /** Keeps the first failure for `assertEnd`, because an agent's `onError` may hide it. */
  #fail(error: unknown): LoomError {
    const message = errorMessage(error)
    this.#failure ??= error instanceof Error ? error : new Error(message)
    if (error instanceof LoomError) return error
    // A failed check must not be repeated as if the provider was down.
    return new LoomError('model-failed', `A step of ${this.#name} failed: ${message}`, {
      cause: error,
    })
  }

  #ended({ prompt, text }: ModelCall): LoomError {
    const { length } = this.#steps
    const last = prompt.at(-1)
    const content = text === '' ? JSON.stringify(last?.content ?? '') : JSON.stringify(text)
    return new LoomError(
      'model-failed',
      `The script of ${this.#name} is too short: it has ${length} ${length === 1 ? 'step' : 'steps'}, and this is call ${this.calls.length}. Add a step, or find the reason for the call. The last message of its prompt: ${last?.role ?? 'none'} ${short(content)}`,
    )
  }

  get #name(): string {
    return `${this.provider}/${this.modelId}`
  }
}

const isChunk = ({ type }: LanguageModelV4StreamPart) => type.endsWith('-delta')

const replyOf = (step: string | ScriptedReply): ScriptedReply =>
  typeof step === 'string' ? { text: step } : step

const stepSummary = (step: ScriptedStep): string =>
  typeof step === 'function' ? 'a function' : summaryOf(replyOf(step))

/** Rejects when the signal aborts. */
async function abortOf(signal: AbortSignal | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal?.addEventListener('abort', () => resolve(), { once: true })
  if (signal?.aborted !== true) await promise
  signal?.throwIfAborted()
}
