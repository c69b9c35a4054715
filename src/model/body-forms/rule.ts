/** What a rule of `body-forms.ts` is: to add one, write it and list it there. */
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import type { Refusal } from './refusal.ts'

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
