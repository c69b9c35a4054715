/**
 * The form of request body that one model takes. No list says which fields an API refuses: a gateway,
 * a new model or an old server may refuse any of them, and says so with a 400 or 422 that names the
 * field. The request is then sent again without that field, or with another form of it, and the
 * change applies to each later request of the same model. The memory is that of the process.
 */
import { badSignature } from './body-forms/bad-signature.ts'
import { messageContent } from './body-forms/message-content.ts'
import { messageField } from './body-forms/message-field.ts'
import { messageRoles } from './body-forms/message-roles.ts'
import { missingThought } from './body-forms/missing-thought.ts'
import { optionalField } from './body-forms/optional-field.ts'
import { refusalOf } from './body-forms/refusal.ts'
import { type Refusal } from './body-forms/rule.ts'
import type { BodyChange, BodyRule } from './body-forms/rule.ts'
import { thinkingEffort } from './body-forms/thinking-effort.ts'
import { thinkingStep } from './body-forms/thinking-step.ts'
import { tokenLimit } from './body-forms/token-limit.ts'
import { toolName } from './body-forms/tool-name.ts'
import { toolSchema } from './body-forms/tool-schema.ts'
import type { JsonRecord } from './openai-compatible/json-record.ts'

/** The first rule that finds a change decides, so the rules that name a special form come first. */
export const bodyRules: readonly BodyRule[] = [
  missingThought,
  badSignature,
  thinkingStep,
  thinkingEffort,
  messageRoles,
  toolName,
  tokenLimit,
  toolSchema,
  messageContent,
  messageField,
  optionalField,
]

/** A model that refuses more fields than this refuses the request itself. */
const changesMax = 12

export class BodyForms {
  readonly #rules: readonly BodyRule[]
  /** By `BodyChange.key`. */
  readonly #changes = new Map<string, BodyChange>()

  constructor(rules: readonly BodyRule[] = bodyRules) {
    this.#rules = rules
  }

  /** Whether the model has refused nothing so far. */
  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  /** The attempts of one request, which may add to what is known of the model. */
  attempt(body: JsonRecord): BodyAttempt {
    return new BodyAttempt(body, this.#rules, this.#changes)
  }
}

export class BodyAttempt {
  /** The body as this model takes it, as far as that is known. */
  body: JsonRecord
  readonly #given: JsonRecord
  readonly #rules: readonly BodyRule[]
  readonly #known: Map<string, BodyChange>
  readonly #found: BodyChange[] = []

  constructor(body: JsonRecord, rules: readonly BodyRule[], known: Map<string, BodyChange>) {
    this.#rules = rules
    this.#known = known
    this.#given = body
    this.body = body
    for (const change of known.values()) this.body = change.apply(this.body)
  }

  /** Whether the body differs from the given one. */
  get isChanged(): boolean {
    return this.body !== this.#given
  }

  /**
   * Changes the body after a refusal. False where the refusal names nothing that can be changed, or
   * where each change that it asks for was made before: the refusal is then the answer.
   */
  revise(status: number, text: string): boolean {
    if (this.#found.length >= changesMax) return false
    const refusal = refusalOf(status, text)
    if (refusal === undefined) return false
    const change = this.#changeFor(refusal)
    if (change === undefined) return false
    this.#found.push(change)
    this.body = change.apply(this.body)
    return true
  }

  /** The model took the body: from now on each request to it has this form. */
  accept(): void {
    // Called for each read of an answer.
    if (this.#found.length === 0) return
    for (const change of this.#found.splice(0)) {
      if (change.isOfRequest === true) continue
      this.#known.delete(change.key)
      this.#known.set(change.key, change)
    }
    const [oldest] = this.#known.keys()
    if (this.#known.size > changesMax && oldest !== undefined) this.#known.delete(oldest)
  }

  /** A change that leaves the body as it is would only ask the same again. */
  #changeFor(refusal: Refusal): BodyChange | undefined {
    for (const rule of this.#rules) {
      const change = rule(refusal, this.body)
      if (change !== undefined && change.apply(this.body) !== this.body) return change
    }
    return undefined
  }
}
