/**
 * Input schemas of tools, made without the packages `ai` and `zod`. Together these take longer to load
 * than all of Loom, so a schema loads them when it is first read or first checks an input.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'
import type { Schema } from 'ai'
import type { z } from 'zod/v4'

import { isFields } from './fields.ts'

/**
 * The mark of a schema in the AI SDK: `asSchema` takes an object with this mark as it is. It is in the
 * global symbol registry, so that several versions of the SDK share it (`@ai-sdk/provider-utils`,
 * `schema.ts`).
 */
const schemaMark = Symbol.for('vercel.ai.schema')

/**
 * Whether a value is a schema. `asSchema` takes any object for one. A plain JSON schema has neither of these
 * fields.
 */
export const isSchema = (value: unknown): boolean =>
  typeof value === 'function' ||
  (isFields(value) && ('~standard' in value || 'jsonSchema' in value))

/** The argument of a function that creates a zod schema. */
export type Zod = typeof z

/** A JSON schema, and optionally a function that checks an input and returns its value. */
interface SchemaParts<INPUT> {
  jsonSchema: JSONSchema7 | PromiseLike<JSONSchema7>
  validate: Schema<INPUT>['validate']
}

/** Returns the same as `jsonSchema` of the AI SDK. It accepts every input. */
export function schemaOf(jsonSchema: JSONSchema7): Schema {
  return withMark({ jsonSchema, validate: undefined })
}

/**
 * Returns the schema that zod makes.
 * @param make creates the zod schema. It is called once, when the schema is first used.
 * @param prepare changes an input before zod checks it
 */
export function zodSchema<INPUT>(
  make: (zod: Zod) => z.ZodType<INPUT>,
  prepare: (input: unknown) => unknown = (input) => input,
): Schema<INPUT> {
  let making: Promise<z.ZodType<INPUT>> | undefined
  const zodOnce = () => (making ??= import('zod/v4').then(({ z }) => make(z)))
  let converting: Promise<JSONSchema7> | undefined
  return withMark({
    get jsonSchema() {
      return (converting ??= zodOnce().then(toJsonSchema))
    },
    async validate(input) {
      const result = (await zodOnce()).safeParse(prepare(input))
      return result.success
        ? { success: true, value: result.data }
        : { success: false, error: result.error }
    },
  })
}

async function toJsonSchema(schema: z.ZodType): Promise<JSONSchema7> {
  const { asSchema } = await import('ai')
  return asSchema(schema).jsonSchema
}

// TypeScript has the mark only as a symbol of the AI SDK, which the package does not export.
function withMark<INPUT>(parts: SchemaParts<INPUT>): Schema<INPUT>
function withMark(parts: object): unknown {
  return Object.defineProperty(parts, schemaMark, { value: true, enumerable: true })
}
