import { asSchema as asSchema7 } from 'ai'
import { asSchema as asSchema5 } from 'ai5'
import { asSchema as asSchema6 } from 'ai6'
import { describe, expect, it } from 'vitest'

import { schemaOf, zodSchema } from '../src/ground/schema.ts'

const schema = zodSchema(
  (z) => z.object({ text: z.string().max(3) }),
  (input) => (typeof input === 'string' ? { text: input } : input),
)

describe('a schema of a tool', () => {
  it('a schema is valid in ai 5, 6 and 7', () => {
    const plain = schemaOf({ type: 'object' })
    for (const asSchema of [asSchema5, asSchema6, asSchema7]) {
      // The types of each version have their own symbol for the mark.
      const read = (given: unknown): unknown => Reflect.apply(asSchema, undefined, [given])
      expect(read(schema)).toBe(schema)
      expect(read(plain)).toBe(plain)
    }
  })

  it("the JSON schema equals the AI SDK's for a zod schema", async () => {
    expect(await schema.jsonSchema).toEqual({
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { text: { type: 'string', maxLength: 3 } },
      required: ['text'],
      additionalProperties: false,
    })
  })

  it('an input is checked after its preparation', async () => {
    expect(await schema.validate?.('abc')).toEqual({ success: true, value: { text: 'abc' } })
    const result = await schema.validate?.('abcd')
    expect(result?.success).toBe(false)
  })
})
