/**
 * The schema of an agent's answer, ready for models and for checks. Providers accept only an object at
 * the top level of a schema, so any other schema goes to the model as the field `result` of an object.
 */
import type { JSONSchema7 } from '@ai-sdk/provider'
import { asSchema, type FlexibleSchema } from 'ai'

import { wrongValue } from '../../ground/agent-values.ts'
import { errorMessage, LoomError } from '../../ground/error.ts'
import { isSchema } from '../../ground/schema.ts'
import { type SchemaCheck, schemaCheck } from '../schema-check.ts'

export interface OutputSchema {
  /** The schema of the value. */
  jsonSchema: JSONSchema7
  /** The schema that the model receives. */
  wireSchema: JSONSchema7
  /** Whether the value is the field `result` of the answer. */
  isWrapped: boolean
  /** Whether OpenAI accepts the schema with `strict`: each object closed, each field required. */
  isStrict: boolean
  /** The instructions for the model. */
  instructions: string
  check: SchemaCheck
}

/** A schema is converted once per object: zod takes about a millisecond. */
const ready = new WeakMap<object, Promise<OutputSchema>>()

/** @throws LoomError `invalid-config` for a value that is no schema, and for one without a JSON form */
export function outputSchema(
  schema: FlexibleSchema<unknown>,
  agent: string,
): Promise<OutputSchema> {
  if (!isSchema(schema)) {
    const rule = 'output must be a zod schema, a Standard Schema or jsonSchema() of the AI SDK'
    throw wrongValue(agent, rule, schema)
  }
  const known = ready.get(schema)
  if (known !== undefined) return known
  const promise = makeReady(schema, agent)
  ready.set(schema, promise)
  promise.catch(() => ready.delete(schema))
  return promise
}

async function makeReady(source: FlexibleSchema<unknown>, agent: string): Promise<OutputSchema> {
  try {
    const schema = asSchema(source)
    const jsonSchema = await schema.jsonSchema
    const isWrapped = jsonSchema.type !== 'object' || jsonSchema.anyOf !== undefined
    const wireSchema = isWrapped ? wrapped(jsonSchema) : jsonSchema
    const check = await schemaCheck(schema)
    return {
      jsonSchema,
      wireSchema,
      isWrapped,
      isStrict: isStrict(wireSchema),
      instructions: `Your final answer must be exactly one JSON value that fits the JSON schema below, without any other text and without a code fence.\n\n${JSON.stringify(wireSchema)}`,
      check,
    }
  } catch (cause) {
    const message = `The output schema of agent "${agent}" has no JSON form: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

/** References keep their targets: the definitions move to the new top level. */
function wrapped(jsonSchema: JSONSchema7): JSONSchema7 {
  const { $schema: _, $defs, definitions, ...inner } = jsonSchema
  const moved: JSONSchema7 = JSON.parse(
    JSON.stringify(inner).replaceAll('"$ref":"#"', '"$ref":"#/properties/result"'),
  )
  return {
    type: 'object',
    properties: { result: moved },
    required: ['result'],
    additionalProperties: false,
    ...($defs !== undefined && { $defs }),
    ...(definitions !== undefined && { definitions }),
  }
}

function isStrict(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isStrict)
  if (typeof schema !== 'object' || schema === null) return true
  const { type, properties, required, additionalProperties }: JSONSchema7 = schema
  if (type === 'object' || properties !== undefined) {
    const names = Object.keys(properties ?? {})
    if (additionalProperties !== false) return false
    if (!names.every((name) => required?.includes(name) === true)) return false
  }
  return Object.values(schema).every(isStrict)
}
