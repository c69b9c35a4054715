import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { parseJson, toJson } from '../src/ground/json.ts'

describe('JSON from outside', () => {
  it.each([
    ['{"a":{"__proto__":{"b":1}}}', { a: {} }],
    ['{"\\u005f_proto__":1,"b":2}', { b: 2 }],
    ['[{"constructor":{"prototype":1}}]', [{}]],
    ['{"constructor":{"name":"x"}}', { constructor: { name: 'x' } }],
    ['{"text":"__proto__"}', { text: '__proto__' }],
    ['"constructor"', 'constructor'],
  ])('parsing removes prototype keys of %s', (text, expected) => {
    expect(JSON.stringify(parseJson(text))).toBe(JSON.stringify(expected))
  })

  it('parsing keeps all other values', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        fc.pre(!text.includes('__proto__'))
        expect(parseJson(text)).toEqual(JSON.parse(text))
      }),
    )
  })
})

describe('a value as JSON', () => {
  it('a value becomes equal JSON or an error', () => {
    fc.assert(
      fc.property(fc.anything({ withDate: true, withBigInt: true, withMap: true }), (value) => {
        let json: unknown
        try {
          json = toJson(value)
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-request' })
          return
        }
        const text = JSON.stringify(json)
        expect(JSON.stringify(parseJson(text))).toBe(text)
        expect(text).not.toContain('"__proto__":')
      }),
    )
  })
})
