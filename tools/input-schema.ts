/**
 * A tool's input as models really send it. The model is offered the strict schema; what comes back
 * may have `null` for what was left out, or names that other agents' tools have taught the model.
 */
import { asSchema, jsonSchema, type Schema } from 'ai'
import type { z } from 'zod'

import { type Fields, isFields } from '../src/fields.ts'

/**
 * The schema as it is offered, checked after `null`s are left out and `prepare` has put names right.
 * @param prepare is given a copy of its own
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

/** The fields, with the first alias that is there under the name itself. */
export function renamed(
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

/** What other tools call the path of a file. */
export const pathAliases = { path: ['file_path', 'filePath', 'filename'] } as const

const withoutNulls = (fields: Fields) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

/** Some models fill every field in: an empty text is what they give for one that may be left out. */
export const withoutEmpty = (fields: Fields, ...names: readonly string[]) =>
  Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => value !== '' || !names.includes(name)),
  )
