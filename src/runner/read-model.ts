/**
 * One model call, read to its end under time limits. The call also ends at its limit if the model
 * ignores the abort signal.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import type { TimeLimits } from '../agent.ts'
import type { Clock } from '../ground/clock.ts'
import { LoomError } from '../ground/error.ts'
import { abortError, timerMaxMs } from '../ground/until-aborted.ts'
import { isDirectModel, streamParts, type PartReceiver } from '../model.ts'
import { onSignOfLife } from '../model/sign-of-life.ts'

export const defaultTimeLimits: TimeLimits = {
  firstChunkMs: 60_000,
  nextChunkMs: 30_000,
  stepMs: 600_000,
}

export interface ModelReading {
  model: LanguageModelV4
  options: Omit<LanguageModelV4CallOptions, 'abortSignal'>
  limits: TimeLimits
  signal: AbortSignal
  clock: Clock
  receive: PartReceiver
}

/**
 * Resolves at the end of the model's reply.
 * @throws the error of the model or the receiver; LoomError `model-timeout`; the signal's reason.
 */
export async function readModel(reading: ModelReading): Promise<void> {
  reading.signal.throwIfAborted()
  const watch = openWatch(reading)
  onSignOfLife(watch.signal, () => watch.keepAlive())
  let isAnswering = false
  const receive: PartReceiver = (parts) => {
    if (watch.signal.aborted) return undefined
    let wait: void | Promise<void>
    try {
      wait = reading.receive(parts)
    } catch (error) {
      // The model may ignore the error, but nothing reads its reply any more.
      watch.abort(error)
      throw error
    }
    if (isAnswering || parts.some(startsAnswer)) {
      isAnswering = true
      watch.restart()
    }
    // The wait for a slow sink must not count as silence of the model.
    return wait === undefined ? undefined : watch.holdWhile(wait)
  }
  try {
    const options = { ...reading.options, abortSignal: watch.signal }
    const call = isDirectModel(reading.model)
      ? reading.model[streamParts](options, receive)
      : readStream(reading.model, options, receive)
    await Promise.race([call, watch.aborted])
    watch.signal.throwIfAborted()
  } catch (error) {
    // The reason of the abort tells more than the AbortError that a model throws for it.
    watch.signal.throwIfAborted()
    throw error
  } finally {
    watch.close()
  }
}

/** A provider sends headers and an empty first chunk long before a reasoning model sends content. */
const startsAnswer = ({ type }: LanguageModelV4StreamPart) =>
  type !== 'stream-start' && type !== 'response-metadata' && type !== 'raw' && type !== 'ping'

/** Anthropic's package repeats `response-metadata` as content, directly after it, before any content. */
const isBookkeeping = (part: LanguageModelV4StreamPart) =>
  part.type === 'custom' && part.kind === 'anthropic.message_start'

async function readStream(
  model: LanguageModelV4,
  options: LanguageModelV4CallOptions,
  receive: PartReceiver,
): Promise<void> {
  const { stream } = await model.doStream(options)
  const reader = stream.getReader()
  const cancel = () => void reader.cancel(options.abortSignal?.reason).catch(() => undefined)
  options.abortSignal?.addEventListener('abort', cancel, { once: true })
  try {
    if (options.abortSignal?.aborted) cancel()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      if (isBookkeeping(value)) continue
      const wait = receive([value])
      if (wait !== undefined) await wait
    }
  } catch (error) {
    cancel()
    throw error
  } finally {
    options.abortSignal?.removeEventListener('abort', cancel)
  }
}

/** Aborts with the caller, and after too much silence or too long a step. */
function openWatch({ limits, signal: outer, clock }: ModelReading) {
  const controller = new AbortController()
  const started = clock.elapsed()
  let quietSince = started
  let quietMs = limits.firstChunkMs
  let holds = 0

  const stop = () => controller.abort(outer.reason)
  outer.addEventListener('abort', stop, { once: true })
  const rejection = Promise.withResolvers<never>()
  // The race may be over before this rejects. Without a handler that would be an unhandled rejection.
  rejection.promise.catch(() => undefined)
  const { signal } = controller
  signal.addEventListener('abort', () => rejection.reject(abortError(signal)), { once: true })

  // One timer that reads the clock: setting a timer for every token would cost more than the token.
  const check = () => {
    const now = clock.elapsed()
    if (holds > 0) quietSince = now
    const stepLeft = started + limits.stepMs - now
    const quietLeft = quietSince + quietMs - now
    if (stepLeft <= 0) controller.abort(timeout(`took longer than ${limits.stepMs} ms`))
    else if (quietLeft <= 0) controller.abort(timeout(`was silent for ${quietMs} ms`))
    else cancel = clock.setTimeout(check, Math.max(1, Math.min(stepLeft, quietLeft, timerMaxMs)))
  }
  let cancel = clock.setTimeout(check, Math.min(limits.firstChunkMs, limits.stepMs, timerMaxMs))

  return {
    signal,
    aborted: rejection.promise,
    abort: (reason: unknown) => controller.abort(reason),
    /** A keep-alive of the provider: the current limit starts again. */
    keepAlive() {
      quietSince = clock.elapsed()
    },
    restart() {
      quietSince = clock.elapsed()
      if (quietMs === limits.nextChunkMs) return
      quietMs = limits.nextChunkMs
      cancel()
      check()
    },
    async holdWhile(wait: Promise<void>) {
      holds++
      try {
        await wait
      } catch (error) {
        controller.abort(error)
        throw error
      } finally {
        holds--
        quietSince = clock.elapsed()
      }
    },
    close() {
      cancel()
      outer.removeEventListener('abort', stop)
    },
  }
}

const timeout = (what: string) =>
  new LoomError('model-timeout', `The model ${what}.`, { retryable: true })
