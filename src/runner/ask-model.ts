/**
 * Gets one reply out of an agent's models: retries, fallbacks and `onError` are here, and the two
 * ways to mend a reply that broke off. Before its first word a failure is silent. After it the reply
 * is withdrawn (`reset-step`) or, for clients that don't know that event, kept as it is and gone on
 * from. A broken reply that holds a whole tool call is kept: the call is as good as any.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import type { ErrorDecision, TimeLimits } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { publish } from '../ground/telemetry.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import type { ModelFacts, ModelReference, Models } from '../model.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import type { Attempts } from './attempts.ts'
import { readModel } from './read-model.ts'
import { measuresOf, priceOf } from './reply-cost.ts'
import { modelError, pause } from './retry.ts'
import { StepReader, type StepReaderOptions } from './step-reader.ts'

export interface Question {
  models: Models
  attempts: Attempts
  optionsFor: (
    model: LanguageModelV4,
    facts: ModelFacts,
  ) => Promise<Omit<LanguageModelV4CallOptions, 'abortSignal'>>
  /** Makes what the next attempt is asked shorter. False where that would be vain. */
  onOverflow: (failure: LoomError) => boolean
  /**
   * Leaves files out of what the next attempt is asked. False where the failure has nothing to do with
   * them. `isLastModel`: no other model is left that could take them.
   */
  onRefusal: (failure: LoomError, isLastModel: boolean) => boolean
  reader: Omit<StepReaderOptions, 'emit' | 'priceOf'>
  emit: Sink
  limits: TimeLimits
  signal: AbortSignal
  /** Whether a reply can be withdrawn: asked when one broke off after its first word. */
  mayReset: () => Promise<boolean>
  /** Awaited before each model call. */
  beforeStart: (() => Promise<void>) | undefined
  onError: (error: LoomError) => ErrorDecision | Promise<ErrorDecision>
  /** Told of each attempt as it begins, so that an abort finds what was said. */
  onAttempt: (reply: StepReader, model: string) => void
}

/**
 * `whole`: with a part of each call at least. `cut-off`: it broke off, and the next step is to go on
 * from it. `instead`: `onError` answered in the model's place.
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
    // The calls that came whole are as good as any, also where the rest of the reply never came.
    if (failure === undefined || reply.calls.length > 0) {
      if (failure !== undefined) reply.finishReason = 'tool-calls'
      await reply.close()
      return { kind: 'whole', reply, model }
    }
    if (failure.code === 'context-overflow' && !isShorter && !reply.seen) {
      isShorter = question.onOverflow(failure)
      if (isShorter) continue
    }
    // Bounded: each time the same model is shown fewer files.
    if (!reply.seen && !attempts.mayRetry(failure)) {
      if (question.onRefusal(failure, attempts.isLastModel)) continue
    }
    const next = await whatNext(question, failure)
    if (typeof next === 'object') {
      await reply.say(next.reply)
      reply.finishReason = 'stop'
      return { kind: 'instead', reply, model }
    }
    publish('llm:retry', () => [
      { delayMs: next },
      { model, attempt: attempts.made, error: failure.message },
    ])
    const cutOff = reply.seen && !(await question.mayReset())
    if (cutOff) await reply.close()
    else await withdraw(reply, emit)
    await pause(next, signal)
    if (cutOff) return { kind: 'cut-off', reply, model }
  }
}

async function withdraw(reply: StepReader, emit: Sink): Promise<void> {
  reply.withdraw()
  if (reply.seen) await emit({ type: 'reset-step' })
}

/** Milliseconds to wait before the next attempt, or what to say in the model's place. */
async function whatNext(
  { attempts, signal, onError }: Question,
  failure: LoomError,
): Promise<number | { reply: string }> {
  const delayMs = attempts.after(failure)
  if (delayMs !== undefined) return delayMs
  const reported = attempts.reported(failure)
  const decision = await untilAborted(signal, () => onError(reported))
  if (typeof decision === 'object') return decision
  const again = decision === 'retry' ? attempts.again(failure) : undefined
  if (again === undefined) throw reported
  return again
}

interface Attempt {
  reply: StepReader
  model: string
  failure?: LoomError
}

async function attempt(question: Question): Promise<Attempt> {
  const { attempts, models, reader, emit } = question
  const prefix = attempts.made === 0 ? reader.prefix : `${reader.prefix}.${attempts.made}`
  attempts.made++
  const reference = attempts.model
  const facts = await models.facts(reference)
  const reply = new StepReader({
    ...reader,
    prefix,
    emit,
    priceOf: (usage) => priceOf(usage, facts),
  })
  question.onAttempt(reply, typeof reference === 'string' ? reference : nameOf(reference))
  const { name, model, failure } = await resolve(reference, models)
  const ended = model === undefined ? failure : await read(question, model, { name, reply, facts })
  if (ended === undefined) return { reply, model: name }
  return { reply, model: name, failure: await explained(ended, reference, models) }
}

async function resolve(reference: ModelReference, models: Models) {
  try {
    const model = await models.resolve(reference)
    return { name: typeof reference === 'string' ? reference : nameOf(model), model }
  } catch (error) {
    // There may be a fallback that can be had.
    const name = typeof reference === 'string' ? reference : nameOf(reference)
    return { name, failure: modelError(error) }
  }
}

const nameOf = (model: { provider: string; modelId: string }) =>
  `${model.provider}/${model.modelId}`

/** Reads one reply to its end, and gives what went wrong with it. */
async function read(
  { limits, signal, optionsFor, beforeStart }: Question,
  model: LanguageModelV4,
  { name, reply, facts }: { name: string; reply: StepReader; facts: ModelFacts },
): Promise<LoomError | undefined> {
  const options = await optionsFor(model, facts).catch((error: unknown) => {
    // A fallback may have a larger window.
    if (error instanceof LoomError && error.code === 'context-overflow') return error
    throw error
  })
  if (options instanceof LoomError) return options
  await beforeStart?.()
  const started = performance.now()
  publish('llm:start', () => [{}, { model: name, messageCount: options.prompt.length }])
  let failure: LoomError | undefined
  try {
    await readModel({ model, options, limits, signal, receive: reply.receive })
    failure = reply.failure ?? missingEnd(reply)
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    signal.throwIfAborted()
    // What breaks after the last part of a reply (an idle connection, mostly) takes nothing from it.
    if (reply.failure !== undefined || missingEnd(reply) !== undefined) {
      failure = reply.failure ?? modelError(error)
    }
  } finally {
    publish('llm:stop', () => [
      { durationMs: performance.now() - started, ...measuresOf(reply) },
      { model: name, finishReason: failure ? 'error' : (reply.finishReason ?? 'other') },
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

/** Some providers echo the key they refuse; of a model that may not exist the name is worth a look. */
async function explained(
  error: LoomError,
  reference: ModelReference,
  models: Models,
): Promise<LoomError> {
  const doubt = error.retryable ? undefined : await models.doubt(reference)
  const said = doubt === undefined ? error.message : `${error.message} (${doubt})`
  const message = models.redact(said)
  if (message === error.message) return error
  const { code, cause, retryable, retryAfterMs } = error
  return new LoomError(code, message, {
    cause,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
