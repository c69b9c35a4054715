/**
 * The names of the fields of an object that a caller writes: a definition, options or a posted body. A
 * caller without types sees a typing error only if the name is refused here.
 */
import { LoomError, type LoomErrorCode } from './error.ts'
import { didYouMean, nearestNames } from './nearest.ts'

/** Each field of `OBJECT`, so that the compiler finds a list that misses one. */
export type FieldsOf<OBJECT> = Readonly<Record<keyof OBJECT & string, true>>

/** An object in an error text, and the fields that it may have. */
export interface KnownFields {
  /** The object and its verb, such as `Agent "tutor" has`. */
  subject: string
  /** The fields that it may have, as keys. */
  known: Readonly<Record<string, unknown>>
  /** @defaultValue 'invalid-config' */
  code?: LoomErrorCode
}

/** Characters of a name that an error text repeats. */
const nameLengthMax = 64

/**
 * Refuses an object that has another field. A field without a value counts as absent.
 * @param synonyms the names that other libraries use for a field
 * @throws LoomError with `code`
 */
export function refuseUnknownFields(
  value: unknown,
  fields: KnownFields,
  synonyms: Readonly<Record<string, string>> = {},
): void {
  const { subject, known, code = 'invalid-config' } = fields
  const name = unknownIn(value, known).at(0)
  if (name === undefined) return
  const synonym = Object.hasOwn(synonyms, name) ? synonyms[name] : undefined
  throw unknownField(name, { subject, code, names: Object.keys(known), synonym })
}

/**
 * Refuses options with a field whose name is close to a known one. Other fields are ignored, because several
 * functions may share one object of options.
 * @throws LoomError with `code`
 */
export function refuseMisspeltFields(
  value: unknown,
  { subject, known, code = 'invalid-config' }: KnownFields,
): void {
  const names = Object.keys(known)
  const name = unknownIn(value, known).find((each) => nearestNames(each, names).length > 0)
  if (name !== undefined) throw unknownField(name, { subject, code, names })
}

function unknownIn(value: unknown, known: KnownFields['known']): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, field]) =>
    field === undefined || Object.hasOwn(known, name) ? [] : [name],
  )
}

/** @param advice another way to send such a value */
export function unknownField(
  name: string,
  {
    subject,
    code,
    names,
    synonym,
    advice = '',
  }: {
    subject: string
    code: LoomErrorCode
    names: Iterable<string>
    synonym?: string | undefined
    advice?: string
  },
): LoomError {
  const sorted = [...names].sort()
  const near = synonym === undefined ? nearestNames(name, sorted) : [synonym]
  const quoted = JSON.stringify(name.slice(0, nameLengthMax))
  const list = sorted.length === 0 ? 'It must have no field.' : `It may have: ${sorted.join(', ')}.`
  return new LoomError(
    code,
    `${subject} the unknown field ${quoted}.${didYouMean(near)} ${list}${advice}`,
  )
}
