/** The interface of a rule of `body-forms.ts`. To add a rule, write it and add it to the list there. */
import type { JsonRecord } from '../openai-compatible/json-record.ts'

/** A refusal of a request body by a provider. */
export interface Refusal {
  status: number
  /** The texts of the response body, one per line. */
  text: string
  /** The paths in the error's own fields: `temperature`, `messages.2.name`. */
  paths: readonly string[]
}

/** A change of request bodies. */
export interface BodyChange {
  /** The name of the change. In one request each change is tried once. */
  key: string
  /** Returns a changed copy, or the same object if nothing changes. Applied to each later body. */
  apply: (body: JsonRecord) => JsonRecord
  /** True if the change is only for this request and is not kept. @defaultValue false */
  isOfRequest?: boolean
}

/** Finds the change that a refusal asks for; undefined if the rule finds none. */
export type BodyRule = (refusal: Refusal, body: JsonRecord) => BodyChange | undefined
