/**
 * Gets one reply out of an agent's models: retries, fallbacks and `onError` are here, and the two
 * ways to mend a reply that broke off. Before its first word a failure is silent. After it the reply
 * is withdrawn (`reset-step`) or, for clients that don't know that event, kept as it is and gone on
 * from. A broken reply that holds a whole tool call is kept: the call is as good as any.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import type { ErrorDecision, TimeLimits } from '../agent.ts'
import { LoomError } from '../error.ts'
import type { Models } from '../model.ts'
import { type Sink, SinkFailure } from '../sink.ts'
import { publish } from '../telemetry.ts'
import type { Attempts } from './attempts.ts'
import { readModel } from './read-model.ts'
import { modelError, pause } from './retry.ts'
import { StepReader, type StepReaderOptions } from './step-reader.ts'

export interface Question {
  models: Models
  attempts: Attempts
  optionsFor: (model: LanguageModelV4) => Omit<LanguageModelV4CallOptions, 'abortSignal'>
  reader: Omit<StepReaderOptions, 'emit'>
  emit: Sink
  limits: TimeLimits
  signal: AbortSignal
  recovery: 'reset' | 'continue'
  onError: (error: LoomError) => Promise<ErrorDecision>
  /** Told of each attempt as it begins, so that an abort finds what was said. */
  onAttempt: (reply: StepReader) => void
}

export interface Answer {
  reply: StepReader
  /** `provider/model-id` of the model that gave it. */
  model: string
  /** True when the reply broke off and the next step is to go on from it. */
  cutOff: boolean
}

/** @throws LoomError when every attempt failed; the sink's error; the signal's reason. */
export async function askModel(question: Question): Promise<Answer> {
  const { attempts, signal } = question
  for (;;) {
    const { reply, model, failure } = await attempt(question)
    if (failure === undefined) {
      await reply.close()
      return { reply, model, cutOff: false }
    }
    if (reply.calls.length > 0) {
      await reply.close()
      reply.finishReason = 'tool-calls'
      return { reply, model, cutOff: false }
    }
    const next = await whatNext(question, failure)
    if (typeof next === 'object') {
      await sayInstead(reply, next.reply)
      return { reply, model, cutOff: false }
    }
    publish(
      'llm:retry',
      { delayMs: next },
      { model, attempt: attempts.made, error: failure.message },
    )
    const cutOff = reply.seen && question.recovery === 'continue'
    if (cutOff) await reply.close()
    else if (reply.seen) await question.emit({ type: 'reset-step' })
    await pause(next, signal)
    if (cutOff) return { reply, model, cutOff }
  }
}

/** Milliseconds to wait before the next attempt, or what to say in the model's place. */
async function whatNext(
  question: Question,
  failure: LoomError,
): Promise<number | { reply: string }> {
  const delayMs = question.attempts.after(failure)
  if (delayMs !== undefined) return delayMs
  const decision = await question.onError(failure)
  if (typeof decision === 'object') return decision
  const again = decision === 'retry' ? question.attempts.again(failure) : undefined
  if (again === undefined) throw failure
  return again
}

async function sayInstead(reply: StepReader, text: string): Promise<void> {
  await reply.close()
  await reply.receive([
    { type: 'text-start', id: 'reply' },
    { type: 'text-delta', id: 'reply', delta: text },
    { type: 'text-end', id: 'reply' },
  ])
  reply.finishReason = 'stop'
}

async function attempt(question: Question) {
  const { attempts, reader, emit, signal } = question
  const prefix = attempts.made === 0 ? reader.prefix : `${reader.prefix}.${attempts.made}`
  attempts.made++
  const reply = new StepReader({ ...reader, prefix, emit })
  question.onAttempt(reply)
  const reference = attempts.model
  let name = typeof reference === 'string' ? reference : nameOf(reference)
  let failure: LoomError | undefined
  const started = performance.now()
  try {
    const model = await question.models.resolve(reference)
    if (typeof reference !== 'string') name = nameOf(model)
    const options = question.optionsFor(model)
    publish('llm:start', {}, { model: name, messageCount: options.prompt.length })
    await readModel({ model, options, limits: question.limits, signal, receive: reply.receive })
    failure = reply.failure ?? missingEnd(reply)
  } catch (error) {
    if (error instanceof SinkFailure) throw error
    signal.throwIfAborted()
    failure = reply.failure ?? modelError(error)
  }
  const durationMs = performance.now() - started
  const finishReason = failure === undefined ? (reply.finishReason ?? 'other') : 'error'
  publish('llm:stop', { durationMs }, { model: name, finishReason })
  return { reply, model: name, failure: failure && redacted(failure, question.models) }
}

const nameOf = (model: { provider: string; modelId: string }) =>
  `${model.provider}/${model.modelId}`

function missingEnd(reply: StepReader): LoomError | undefined {
  if (reply.finishReason === undefined) {
    return new LoomError('model-failed', "The model's answer ended early.", { retryable: true })
  }
  if (reply.finishReason !== 'error') return undefined
  return new LoomError('model-failed', 'The model ended its answer with an error.', {
    retryable: true,
  })
}

/** Some providers echo the key they refuse. */
function redacted(error: LoomError, models: Models): LoomError {
  const message = models.redact(error.message)
  if (message === error.message) return error
  const { code, cause, retryable, retryAfterMs } = error
  return new LoomError(code, message, {
    cause,
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  })
}
