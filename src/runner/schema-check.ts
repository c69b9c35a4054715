/** The check of a JSON value against a schema of an agent or a tool. */
import type { JSONSchema7, JSONValue } from '@ai-sdk/provider'
import { asSchema, type FlexibleSchema } from 'ai'

import { errorMessage } from '../ground/error.ts'
import { fitsSchema } from './output/fitted-value.ts'
import { issuesOf } from './schema-issues.ts'

export type CheckedValue = { value: unknown } | { refusal: string }

/** Returns the value as the schema returned it, or why it does not fit. */
export type SchemaCheck = (value: JSONValue) => Promise<CheckedValue>

export async function schemaCheck(source: FlexibleSchema<unknown>): Promise<SchemaCheck> {
  const schema = asSchema(source)
  const validate = schema.validate ?? (await validatorOf(await schema.jsonSchema))
  return async (value) => {
    try {
      const result = await validate(value)
      return result.success ? { value: result.value } : { refusal: issuesOf(result.error) }
    } catch (error) {
      // A transform or a rule of the schema threw.
      return { refusal: errorMessage(error) }
    }
  }
}

type Validation = { success: true; value: unknown } | { success: false; error: Error }

/** `jsonSchema()` of the AI SDK without a function of its own accepts every value. */
async function validatorOf(jsonSchema: JSONSchema7): Promise<(value: JSONValue) => Validation> {
  const { z } = await import('zod/v4')
  const plain: Record<string, unknown> = JSON.parse(JSON.stringify(jsonSchema))
  // zod has this function since 4.2, and a program may have an earlier version.
  const fromJsonSchema: typeof z.fromJSONSchema | undefined = z.fromJSONSchema
  const schema = fromJsonSchema?.(plain)
  if (schema === undefined) return checkOfForm(jsonSchema)
  return (value) => {
    const { error } = schema.safeParse(value)
    return error === undefined ? { success: true, value } : { success: false, error }
  }
}

const checkOfForm =
  (jsonSchema: JSONSchema7) =>
  (value: JSONValue): Validation =>
    fitsSchema(value, jsonSchema)
      ? { success: true, value }
      : { success: false, error: new Error('It has other types or fields than the schema.') }
