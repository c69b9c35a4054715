/**
 * The form of request body that one model accepts. No list names the fields that an API refuses: a
 * gateway, a new model or an old server may refuse any field, with a 400 or 422 that names it. The
 * request is then repeated without that field, or with another form of it. The change applies to each
 * later request of the same model. It is kept in the memory of the process.
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

/** The first rule that finds a change decides, so rules for a special form come first. */
const bodyRules: readonly BodyRule[] = [
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
  /** The known changes by `BodyChange.key`. */
  readonly #changes = new Map<string, BodyChange>()

  constructor(rules: readonly BodyRule[] = bodyRules) {
    this.#rules = rules
  }

  /** Whether no change is known, because the model has refused nothing. */
  get isEmpty(): boolean {
    return this.#changes.size === 0
  }

  /** Starts the attempts of one request. They may add to the known changes. */
  attempt(body: JsonRecord): BodyAttempt {
    return new BodyAttempt(body, this.#rules, this.#changes)
  }
}

export class BodyAttempt {
  /** The body with all known changes. */
  body: JsonRecord
  readonly #original: JsonRecord
  readonly #rules: readonly BodyRule[]
  readonly #modelChanges: Map<string, BodyChange>
  readonly #newChanges: BodyChange[] = []

  constructor(body: JsonRecord, rules: readonly BodyRule[], changes: Map<string, BodyChange>) {
    this.#rules = rules
    this.#modelChanges = changes
    this.#original = body
    this.body = body
    for (const change of changes.values()) this.body = change.apply(this.body)
  }

  /** Whether the body differs from that of the request. */
  get isChanged(): boolean {
    return this.body !== this.#original
  }

  /**
   * Changes the body after a refusal. Returns false if the refusal names nothing that can be changed, or
   * if all its changes were already made. Then the refusal is the answer.
   */
  revise(status: number, text: string): boolean {
    if (this.#newChanges.length >= changesMax) return false
    const refusal = refusalOf(status, text)
    if (refusal === undefined) return false
    const change = this.#changeFor(refusal)
    if (change === undefined) return false
    this.#newChanges.push(change)
    this.body = change.apply(this.body)
    return true
  }

  /** Records that the model accepted the body. Each later request to it gets this form. */
  accept(): void {
    // Called for each read of an answer.
    if (this.#newChanges.length === 0) return
    for (const change of this.#newChanges.splice(0)) {
      if (change.isOfRequest === true) continue
      this.#modelChanges.delete(change.key)
      this.#modelChanges.set(change.key, change)
    }
    const [oldest] = this.#modelChanges.keys()
    if (this.#modelChanges.size > changesMax && oldest !== undefined)
      this.#modelChanges.delete(oldest)
  }

  /** A change must change the body, or the same request would be repeated. */
  #changeFor(refusal: Refusal): BodyChange | undefined {
    for (const rule of this.#rules) {
      const change = rule(refusal, this.body)
      if (change !== undefined && change.apply(this.body) !== this.body) return change
    }
    return undefined
  }
}
