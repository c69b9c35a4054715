/** What a rule of `body-forms.ts` is: to add one, write it and list it there. */
import type { JsonRecord } from '../openai-compatible/json-record.ts'

/** A refusal of a request body by a provider. */
export interface Refusal {
  status: number
  /** The texts of the response body, a line each. */
  text: string
  /** The paths that the error has in a field of their own: `temperature`, `messages.2.name`. */
  paths: readonly string[]
}

/** A change of request bodies. */
export interface BodyChange {
  /** Names the change. In one request each change is tried once. */
  key: string
  /** A changed copy; the same object where there is nothing to change. Applied to each later body. */
  apply: (body: JsonRecord) => JsonRecord
  /** The change is right for this request only, and is not kept for later ones. Default: false. */
  isOfRequest?: boolean
}

/** Finds the change that a refusal asks for; undefined where the rule knows none. */
export type BodyRule = (refusal: Refusal, body: JsonRecord) => BodyChange | undefined
