/** Random schemas and answers that nearly fit them: always a valid value or a clear error, in three steps. */
import type { JSONValue } from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { defineAgent } from '../src/agent.ts'
import { LoomError } from '../src/ground/error.ts'
import { run } from '../src/runner.ts'
import { within } from './deadline.ts'
import { models } from './recorded-run.ts'
import { says, scriptedModel } from './scripted-model.ts'

/** A schema with a value that fits it. */
interface Example {
  schema: z.ZodType
  value: JSONValue
}

const word = fc.constantFrom('red', 'blue sky', "it's", 'say "hi"', '{', '[1]', 'true', '7', 'ünï')
const names = ['a', 'b', 'c', 'd']

const leaf: fc.Arbitrary<Example> = fc.oneof(
  word.map((value) => ({ schema: z.string(), value })),
  fc.integer({ min: -1000, max: 1000 }).map((value) => ({ schema: z.number().int(), value })),
  fc.constantFrom(0.5, -2.25).map((value) => ({ schema: z.number(), value })),
  fc.boolean().map((value) => ({ schema: z.boolean(), value })),
  fc.constantFrom('low', 'mid', 'high').map((value) => ({
    schema: z.enum(['low', 'mid', 'high']),
    value,
  })),
)

const { example } = fc.letrec<{ example: Example }>((tie) => ({
  example: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.tuple(tie('example'), fc.integer({ min: 0, max: 3 })).map(([{ schema, value }, count]) => ({
      schema: z.array(schema),
      value: Array.from({ length: count }, () => value),
    })),
    fc.tuple(tie('example'), fc.boolean()).map(([{ schema, value }, isNull]) => ({
      schema: schema.nullable(),
      value: isNull ? null : value,
    })),
    fc.tuple(tie('example'), leaf).map(([{ schema, value }, other]) => ({
      schema: z.union([schema, other.schema]),
      value,
    })),
    fc
      .array(
        fc.record({ field: tie('example'), isOptional: fc.boolean(), isMissing: fc.boolean() }),
        {
          minLength: 1,
          maxLength: 4,
        },
      )
      .map(objectExample),
  ),
}))

function objectExample(
  fields: readonly { field: Example; isOptional: boolean; isMissing: boolean }[],
): Example {
  const shape: Record<string, z.ZodType> = {}
  const value: Record<string, JSONValue> = {}
  for (const [index, { field, isOptional, isMissing }] of fields.entries()) {
    const name = names[index] ?? ''
    shape[name] = isOptional ? field.schema.optional() : field.schema
    if (!isOptional || !isMissing) value[name] = field.value
  }
  return { schema: z.object(shape), value }
}

/** Other forms of the same answer. The value of each can be read without a guess. */
const sameForms: Record<string, (json: string) => string> = {
  plain: (json) => json,
  fence: (json) => `\`\`\`json\n${json}\n\`\`\``,
  words: (json) => `Sure! Here is the answer:\n\n${json}\n\nIs there anything else?`,
  indented: (json) => JSON.stringify(JSON.parse(json), null, 2),
  comma: (json) => json.replace(/(?<=[^[{,\s])([\]}])$/, ',$1'),
}

/** Forms of which a part is lost or changed. */
const nearForms: Record<string, (json: string) => string> = {
  'single quotes': (json) => json.replaceAll("'", '').replaceAll('"', "'"),
  'no quotes at names': (json) => json.replaceAll(/"(\w+)":/g, '$1:'),
  'numbers as texts': (json) => json.replaceAll(/(?<=[:[,])-?\d+(?:\.\d+)?(?=[,\]}])/g, '"$&"'),
  'encoded twice': (json) => JSON.stringify(json),
  wrapped: (json) => `{"answer": ${json}}`,
  'wrapped twice': (json) => `{"result": {"data": ${json}}}`,
  'in a list': (json) => `[${json}]`,
  'null for each first field': (json) => json.replaceAll(/"a":[^,{}[\]]+/g, '"a":null'),
  'another field': (json) => json.replace('{', '{"zzz": [1], '),
  'cut off': (json) => json.slice(0, Math.ceil(json.length * 0.7)),
  'cut at its end': (json) => json.slice(0, -1),
  'words only': () => 'I cannot answer that.',
  nothing: () => '  ',
  brackets: (json) => `${'[{'.repeat(500)}${json}`,
  values: (json) => `${'{"a": 1} '.repeat(200)}${json}`,
}

async function answer(example: Example, text: string) {
  const model = scriptedModel(says(text), says(text), says(text))
  const agent = defineAgent({
    name: 'form',
    systemPrompt: 'Fill in.',
    output: example.schema,
    model,
  })
  const running = run(agent, 'Go.', { models }).then(
    ({ output }) => ({ output, error: undefined }),
    (error: unknown) => ({ output: undefined, error }),
  )
  const end = await within(30_000, 'the run', running)
  expect(model.asked.length).toBeLessThanOrEqual(3)
  return end
}

describe('an answer in another form', () => {
  it('has the same value', async () => {
    await fc.assert(
      fc.asyncProperty(example, fc.constantFrom(...Object.keys(sameForms)), async (one, form) => {
        const json = JSON.stringify(one.value)
        // A text without quotes can mean another type, so only objects and lists come in other forms.
        fc.pre(form === 'plain' || /^[[{]/.test(json))
        const text = sameForms[form]?.(json) ?? json
        const { output, error } = await answer(one, text)
        expect(error, text).toBeUndefined()
        expect(output, text).toEqual(one.value)
      }),
      { numRuns: 200 },
    )
  })
})

describe('an answer that nearly fits', () => {
  it('becomes a valid value or a clear error', async () => {
    await fc.assert(
      fc.asyncProperty(example, fc.constantFrom(...Object.keys(nearForms)), async (one, form) => {
        const json = JSON.stringify(one.value)
        const { output, error } = await answer(one, nearForms[form]?.(json) ?? json)
        if (error === undefined) expect(one.schema.safeParse(output).success).toBe(true)
        else {
          expect(error).toBeInstanceOf(LoomError)
          expect(error).toMatchObject({
            code: 'output-invalid',
            message: expect.stringMatching(
              /^The model's answer does not fit the output schema, also/,
            ),
          })
        }
      }),
      { numRuns: 200 },
    )
  })
})

describe('the demo model', () => {
  it('answers with a value of any schema', async () => {
    await fc.assert(
      fc.asyncProperty(example, async ({ schema }) => {
        const model = 'demo/fast'
        const agent = defineAgent({ name: 'form', systemPrompt: 'Fill in.', output: schema, model })
        const { output, steps } = await run(agent, 'Go.', { models })
        expect([schema.safeParse(output).success, steps]).toEqual([true, 1])
      }),
      { numRuns: 50 },
    )
  })
})
