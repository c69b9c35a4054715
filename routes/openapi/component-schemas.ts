/** The zod schemas of the routes as the JSON schemas of the OpenAPI document. */
import { z } from 'zod/v4'

import { adminResponseSchemas } from './admin-response-schemas.ts'
import { agUiResponseSchemas } from './ag-ui-response-schemas.ts'
import { mcpResponseSchemas } from './mcp-schemas.ts'
import { openAiResponseSchemas } from './openai-response-schemas.ts'
import type { JsonSchema } from './operation.ts'
import { requestSchemas } from './request-schemas.ts'
import { responseSchemas } from './response-schemas.ts'

const place = (name: string) => `#/components/schemas/${name}`

export const reference = (name: string): JsonSchema => ({ $ref: place(name) })

/** All schemas by name. A schema inside of another one is a reference to it. */
export function componentSchemas(): Record<string, JsonSchema> {
  return {
    ...schemasOf(
      {
        ...responseSchemas,
        ...adminResponseSchemas,
        ...openAiResponseSchemas,
        ...mcpResponseSchemas,
        ...agUiResponseSchemas,
      },
      false,
    ),
    ...schemasOf(requestSchemas, true),
  }
}

/** @param isClosed true if an object has no fields but those of its schema: the rule of posted bodies */
function schemasOf(
  named: Readonly<Record<string, z.ZodType>>,
  isClosed: boolean,
): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    uri: place,
    // A client may meet a later version, whose responses have more fields.
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const { def } = zodSchema._zod
      // A field that must be absent.
      if (def.type === 'undefined') jsonSchema.not = {}
      if (def.type === 'nullable') shorten(jsonSchema)
      if (isClosed && def.type === 'object') jsonSchema.additionalProperties ??= false
    },
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $schema: _schema, $id: _id, ...schema }]) => [
      name,
      schema,
    ]),
  )
}

/** Writes `anyOf: [{ type: 'string' }, { type: 'null' }]` as `type: ['string', 'null']`, which is the same in fewer lines. */
function shorten(schema: z.core.JSONSchema.BaseSchema): void {
  const [value, none] = schema.anyOf ?? []
  if (typeof value !== 'object' || typeof none !== 'object' || none.type !== 'null') return
  const { type } = value
  if (typeof type !== 'string' || value.enum !== undefined || value.const !== undefined) return
  delete schema.anyOf
  // The type of zod has one type only. JSON Schema 2020-12 allows a list.
  const types: unknown = [type, 'null']
  Object.assign(schema, value, { type: types })
}
