/**
 * Accepts the inputs that models really send. The model receives the strict schema, but its calls may
 * hold `null` for an omitted field, or field names that it learned from other agents' tools.
 */
import { asSchema, jsonSchema, type Schema } from 'ai'
import type { z } from 'zod'

import { type Fields, isFields } from '../src/ground/fields.ts'

/**
 * Returns a schema for the model that validates an input after it removed `null` fields and `prepare`
 * corrected the names.
 * @param prepare receives its own copy of the fields
 */
export function inputSchema<SHAPE extends z.ZodRawShape>(
  schema: z.ZodObject<SHAPE>,
  prepare: (fields: Fields) => Fields = (fields) => fields,
): Schema<z.infer<z.ZodObject<SHAPE>>> {
  return jsonSchema(() => asSchema(schema).jsonSchema, {
    validate: (value) => {
      const result = schema.safeParse(isFields(value) ? prepare(withoutNulls(value)) : value)
      return result.success
        ? { success: true, value: result.data }
        : { success: false, error: result.error }
    },
  })
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
