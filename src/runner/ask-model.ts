/**
 * Gets one reply from an agent's models. Retries, fallbacks and `onError` are here, and the two ways
 * to recover from a reply that broke off. A failure before the first content is not visible to the
 * reader. After it, the reply is withdrawn (`reset-step`) or, for clients without that event, kept and
 * continued. A broken reply with a complete tool call is kept: the call is valid.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import type { ErrorDecision, TimeLimits } from '../agent.ts'
import { type Clock, wait } from '../ground/clock.ts'
import { LoomError } from '../ground/error.ts'
import { PauseMeter } from '../ground/pause-meter.ts'
import { hasSubscriber } from '../ground/telemetry.ts'
import { inTrace } from '../ground/trace.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import type { ModelFacts, ModelReference, Models } from '../model.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import type { Attempts } from './attempts.ts'
import { readModel } from './read-model.ts'
import { measuresOf, priceOf } from './reply-cost.ts'
import { modelError } from './retry.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import { StepReader, type StepReaderOptions } from './step-reader.ts'

export interface Question {
  models: Models
  attempts: Attempts
  optionsFor: (
    model: LanguageModelV4,
    facts: ModelFacts,
  ) => Promise<Omit<LanguageModelV4CallOptions, 'abortSignal'>>
  /** Makes the next prompt shorter. Returns false if that is not possible. */
  onOverflow: (failure: LoomError) => boolean
  /**
   * Leaves files out of the next prompt. Returns false if the failure is not about files.
   * `isLastModel`: no other model is left that could read the files.
   */
  onRefusal: (failure: LoomError, isLastModel: boolean) => boolean
  reader: Omit<StepReaderOptions, 'emit' | 'priceOf' | 'clock'>
  emit: Sink
  limits: TimeLimits
  signal: AbortSignal
  clock: Clock
  telemetry: RunTelemetry
  /** Whether a reply can be withdrawn. Called if a reply broke off after its first content. */
  mayReset: () => Promise<boolean>
  /** Awaited before each model call. */
  beforeStart: (() => Promise<void>) | undefined
  onError: (error: LoomError) => ErrorDecision | Promise<ErrorDecision>
  /** Called at the start of each attempt, so that an abort finds the partial reply. */
  onAttempt: (reply: StepReader, model: string) => void
}

/**
 * `whole`: the reply is complete, or has at least one complete call. `cut-off`: it broke off, and the
 * next step continues it. `instead`: `onError` gave a reply in the model's place.
 */
export interface ModelReply {
  kind: 'whole' | 'cut-off' | 'instead'
  reply: StepReader
  /** `provider/model-id` of the model that gave it. */
  model: string
}

/** @throws LoomError when every attempt failed; the sink's error; the signal's reason. */
export async function askModel(question: Question): Promise<ModelReply> {
  const { attempts, signal, emit } = question
  let isShorter = false
  for (;;) {
    const { reply, model, failure } = await attempt(question)
    // Complete calls are valid even if the rest of the reply did not arrive.
    if (failure === undefined || reply.calls.length > 0) {
      if (failure !== undefined) reply.finishReason = 'tool-calls'
      await reply.close()
      return { kind: 'whole', reply, model }
    }
    if (failure.code === 'context-overflow' && !isShorter && !reply.hasContent) {
      isShorter = question.onOverflow(failure)
      if (isShorter) continue
    }
    // The loop ends: each round shows the same model fewer files.
    if (!reply.hasContent && !attempts.mayRetry(failure)) {
      if (question.onRefusal(failure, attempts.isLastModel)) continue
    }
    const next = await whatNext(question, failure)
    if (typeof next === 'object') {
      await reply.addText(next.reply)
      reply.finishReason = 'stop'
      return { kind: 'instead', reply, model }
    }
    question.telemetry.publish('llm:retry', () => [
      { delayMs: next },
      { model, attempt: attempts.count, error: failure.message },
    ])
    const cutOff = reply.hasContent && !(await question.mayReset())
    if (cutOff) await reply.close()
    else await withdraw(reply, emit)
    await wait(question.clock, next, signal)
    if (cutOff) return { kind: 'cut-off', reply, model }
  }
}

async function withdraw(reply: StepReader, emit: Sink): Promise<void> {
  reply.withdraw()
  if (reply.hasContent) await emit({ type: 'reset-step' })
}

/** Returns the milliseconds before the next attempt, or a reply in the model's place. */
async function whatNext(
  { attempts, signal, onError }: Question,
  failure: LoomError,
): Promise<number | { reply: string }> {
  const delayMs = attempts.after(failure)
  if (delayMs !== undefined) return delayMs
  const report = attempts.reportOf(failure)
  const decision = await untilAborted(signal, () => onError(report))
  if (typeof decision === 'object') return decision
  const again = decision === 'retry' ? attempts.again(failure) : undefined
  if (again === undefined) throw report
  return again
}

interface Attempt {
  reply: StepReader
  model: string
  failure?: LoomError
}

async function attempt(question: Question): Promise<Attempt> {
  const { attempts, models, reader, emit, clock } = question
  const prefix = attempts.count === 0 ? reader.prefix : `${reader.prefix}.${attempts.count}`
  attempts.count++
  const reference = attempts.model
  const facts = await models.facts(reference)
  const meter = hasSubscriber('llm:stop') ? new PauseMeter() : undefined
  const reply = new StepReader({
    ...reader,
    prefix,
    emit,
    clock,
    priceOf: (usage) => priceOf(usage, facts),
    meter,
  })
  question.onAttempt(reply, typeof reference === 'string' ? reference : nameOf(reference))
  const { name, model, failure } = await resolve(reference, models)
  const failed =
    model === undefined ? failure : await read(question, model, { name, reply, facts, meter })
  if (failed === undefined) return { reply, model: name }
  return { reply, model: name, failure: await explained(failed, reference, models) }
}

async function resolve(reference: ModelReference, models: Models) {
  try {
    const model = await models.resolve(reference)
    return { name: typeof reference === 'string' ? reference : nameOf(model), model }
  } catch (error) {
    // A fallback may still resolve.
    const name = typeof reference === 'string' ? reference : nameOf(reference)
    return { name, failure: modelError(error) }
  }
}

const nameOf = (model: { provider: string; modelId: string }) =>
  `${model.provider}/${model.modelId}`

interface ReadReply {
  /** `provider/model-id`. */
  name: string
  reply: StepReader
  facts: ModelFacts
  /** Undefined if nothing subscribes to the telemetry of model calls. */
  meter: PauseMeter | undefined
}

/** Reads one reply to its end. Returns the failure, if there is one. */
async function read(
  { limits, signal, clock, telemetry, optionsFor, beforeStart }: Question,
  model: LanguageModelV4,
  { name, reply, facts, meter }: ReadReply,
): Promise<LoomError | undefined> {
  const options = await optionsFor(model, facts).catch((error: unknown) => {
    // A fallback may have a larger window.
    if (error instanceof LoomError && error.code === 'context-overflow') return error
    throw error
  })
  if (options instanceof LoomError) return options
  await beforeStart?.()
  const started = clock.elapsed()
  telemetry.publish('llm:start', () => [{}, { model: name, messageCount: options.prompt.length }])
  let failure: LoomError | undefined
  try {
    await inTrace(
      () => ({ type: 'model', runId: telemetry.labels.runId }),
      () => readModel({ model, options, limits, signal, clock, receive: reply.receive }),
    )
    failure = reply.failure ?? missingEnd(reply)
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    signal.throwIfAborted()
    // A failure after the last part of a reply (mostly an idle connection) does not change the reply.
    if (reply.failure !== undefined || missingEnd(reply) !== undefined) {
      failure = reply.failure ?? modelError(error)
    }
  } finally {
    telemetry.publish('llm:stop', () => [
      {
        durationMs: clock.elapsed() - started,
        ...measuresOf(reply.spending),
        ...(reply.firstContentAt !== undefined && {
          firstContentMs: reply.firstContentAt - started,
        }),
      },
      {
        model: name,
        finishReason: failure ? 'error' : (reply.finishReason ?? 'other'),
        ...(meter?.pauses !== undefined && { pauses: meter.pauses }),
      },
    ])
  }
  return failure
}

function missingEnd(reply: StepReader): LoomError | undefined {
  if (reply.finishReason === undefined) {
    return new LoomError('model-failed', "The model's answer ended early.", { retryable: true })
  }
  if (reply.finishReason !== 'error') return undefined
  return new LoomError('model-failed', 'The model ended its answer with an error.', {
    retryable: true,
  })
}

/** Some providers repeat the key in their refusal. A name that may not exist gets a suggestion. */
async function explained(
  error: LoomError,
  reference: ModelReference,
  models: Models,
): Promise<LoomError> {
  const doubt = error.retryable ? undefined : await models.doubt(reference)
  const text = doubt === undefined ? error.message : `${error.message} (${doubt})`
  const message = models.redact(text)
  if (message === error.message) return error
  const { code, cause, retryable, retryAfterMs } = error
  return new LoomError(code, message, {
    cause,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
