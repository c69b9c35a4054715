/**
 * Accepts the inputs that models really send. The model receives the strict schema, but its calls may
 * hold `null` for an omitted field, or field names that it learned from other agents' tools.
 */
import type { Schema } from 'ai'
import type { z } from 'zod/v4'

import { type Fields, isFields } from '../src/ground/fields.ts'
import { type Zod, zodSchema } from '../src/ground/schema.ts'

/**
 * Returns a schema for the model that validates an input after it removed `null` fields and `prepare`
 * corrected the names.
 * @param make creates the zod schema. It is called once, when the schema is first used.
 * @param prepare receives its own copy of the fields
 */
export function inputSchema<INPUT>(
  make: (zod: Zod) => z.ZodType<INPUT>,
  prepare: (fields: Fields) => Fields = (fields) => fields,
): Schema<INPUT> {
  return zodSchema(make, (input) => (isFields(input) ? prepare(withoutNulls(input)) : input))
}

/** Moves the value of the first alias that is present to the name itself. */
export function renameFields(
  fields: Fields,
  names: Readonly<Record<string, readonly string[]>>,
): Fields {
  const result = { ...fields }
  for (const [name, aliases] of Object.entries(names)) {
    for (const alias of aliases) {
      if (result[alias] !== undefined) result[name] ??= result[alias]
      delete result[alias]
    }
  }
  return result
}

/** Names that other agents' tools use for the path of a file. */
export const pathAliases = { path: ['file_path', 'filePath', 'filename'] } as const

const withoutNulls = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** Removes the named fields if they are empty: some models send '' for an optional field. */
export const withoutEmpty = (fields: Fields, ...names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => value !== '' || !names.includes(name)),
  )
