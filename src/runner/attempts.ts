/** Where a step stands in its retries and in the agent's list of models. */
import type { RetryPolicy } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type { ModelReference } from '../model.ts'
import { retryDelay } from './retry.ts'

/** An agent whose `onError` always says `retry` would otherwise never end. */
const askAgainMax = 10

export class Attempts {
  /** Counts every model call of the step, so that part ids of two attempts differ. */
  made = 0
  readonly #models: readonly ModelReference[]
  readonly #policy: RetryPolicy
  #index = 0
  #retries = 0
  #askedAgain = 0

  constructor(models: readonly ModelReference[], policy: RetryPolicy) {
    this.#models = models
    this.#policy = policy
  }

  get model(): ModelReference {
    const model = this.#models[this.#index]
    if (model === undefined) throw new RangeError('an agent has at least one model')
    return model
  }

  /** For the next step: from the model that answered this one, since those before it did not. */
  forNextStep(): Attempts {
    const next = new Attempts(this.#models, this.#policy)
    next.#index = this.#index
    return next
  }

  /** Whether the same model is to be asked the same once more after this failure. */
  mayRetry(error: LoomError): boolean {
    return error.retryable && !this.isWaitTooLong(error) && this.#retries < this.#policy.retries
  }

  /** Whether no other model is left that could be asked. */
  get isLastModel(): boolean {
    return this.#index + 1 >= this.#models.length
  }

  /** How long to wait before the next attempt; undefined when there is none left. */
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

  /** Whether a provider asks for a longer wait than the agent's limit: to ask before is in vain. */
  isWaitTooLong({ retryAfterMs = 0 }: LoomError): boolean {
    return retryAfterMs > this.#policy.maxDelayMs
  }

  /** The failure as it is reported, with the wait that is too long where that is why it ends. */
  reported(error: LoomError): LoomError {
    const { code, message, retryable, retryAfterMs } = error
    if (!retryable || retryAfterMs === undefined || !this.isWaitTooLong(error)) return error
    const [asked, limit] = [retryAfterMs, this.#policy.maxDelayMs].map((ms) => Math.ceil(ms / 1000))
    return new LoomError(
      code,
      `${message.replace(/\.?$/, '.')} The provider asks to wait ${asked} s, which is longer than the limit of ${limit} s (retry.maxDelayMs). Try again later, or use another model.`,
      { cause: error.cause, retryable, retryAfterMs },
    )
  }

  /** Begins anew, as `onError` asked; undefined when it asked too often. */
  again(error: LoomError): number | undefined {
    if (++this.#askedAgain > askAgainMax) return undefined
    this.#index = 0
    this.#retries = 0
    return retryDelay(this.#policy, this.#askedAgain, error)
  }
}
