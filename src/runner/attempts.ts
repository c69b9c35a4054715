/** The position of a step in its retries and in the agent's list of models. */
import type { RetryPolicy } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { ModelReference } from '../model.ts'
import { retryDelay } from './retry.ts'

/** Limits an agent whose `onError` always returns `retry`. */
const askAgainMax = 10

export class Attempts {
  /** Counts every model call of the step, so that part ids of two attempts differ. */
  count = 0
  readonly #models: readonly ModelReference[]
  readonly #policy: RetryPolicy
  #index = 0
  #retries = 0
  #repeats = 0

  constructor(models: readonly ModelReference[], policy: RetryPolicy) {
    this.#models = models
    this.#policy = policy
  }

  get model(): ModelReference {
    const model = this.#models[this.#index]
    if (model === undefined) throw new RangeError('an agent has at least one model')
    return model
  }

  /** The attempts of the next step. They start at the model that answered this step. */
  forNextStep(): Attempts {
    const next = new Attempts(this.#models, this.#policy)
    next.#index = this.#index
    return next
  }

  /** Whether the same model gets the same request again after this failure. */
  mayRetry(error: LoomError): boolean {
    return error.retryable && !this.isWaitTooLong(error) && this.#retries < this.#policy.retries
  }

  /** Whether no other model is left. */
  get isLastModel(): boolean {
    return this.#index + 1 >= this.#models.length
  }

  /** Milliseconds before the next attempt; undefined if no attempt is left. */
  after(error: LoomError): number | undefined {
    if (this.mayRetry(error)) {
      this.#retries++
      return retryDelay(this.#policy, this.#retries, error)
    }
    if (this.isLastModel) return undefined
    this.#index++
    this.#retries = 0
    return 0
  }

  /** Whether a provider asks for a longer wait than the agent's limit. An earlier retry would fail. */
  isWaitTooLong({ retryAfterMs = 0 }: LoomError): boolean {
    return retryAfterMs > this.#policy.maxDelayMs
  }

  /** The error to report. It names the wait if the wait is longer than the limit. */
  reportOf(error: LoomError): LoomError {
    const { code, message, retryable, retryAfterMs } = error
    if (!retryable || retryAfterMs === undefined || !this.isWaitTooLong(error)) return error
    const [wait, limit] = [retryAfterMs, this.#policy.maxDelayMs].map((ms) => Math.ceil(ms / 1000))
    return new LoomError(
      code,
      `${message.replace(/\.?$/, '.')} The provider asks to wait ${wait} s, which is longer than the limit of ${limit} s (retry.maxDelayMs). Try again later, or use another model.`,
      { cause: error.cause, retryable, retryAfterMs },
    )
  }

  /** Starts again from the first model, as `onError` decided; undefined if it did so too often. */
  again(error: LoomError): number | undefined {
    if (++this.#repeats > askAgainMax) return undefined
    this.#index = 0
    this.#retries = 0
    return retryDelay(this.#policy, this.#repeats, error)
  }
}
