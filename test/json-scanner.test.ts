/** The scanner of JSON text, compared with the parser of Node: for any text, with cuts at any place. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { JsonScanner, type ValuePosition, type Span } from '../src/ground/json/scanner.ts'
import { JsonFault } from '../src/ground/json/syntax.ts'

interface Found extends Span {
  level: number
  keys: (string | undefined)[]
}

/** Returns every value down to `levels`, in the order of their ends. */
function scan(text: string | Uint8Array, { cuts = [] as number[], levels = 9 } = {}): Found[] {
  const found: Found[] = []
  const scanner = new JsonScanner({
    levels,
    begin: () => undefined,
    end: (level: number, span: Span, { keys }: ValuePosition) =>
      found.push({ ...span, level, keys: keys.slice(1, level + 1) }),
  })
  const bytes = Buffer.from(text)
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b)]
  places.forEach((from, index) => scanner.push(bytes.subarray(from, places[index + 1])))
  scanner.end()
  return found
}

const cuts = fc.array(fc.nat(5000), { maxLength: 12 })
const spaced = fc.constantFrom('', ' ', '\n\t')

/** JSON with white space, and with keys written with escapes. */
const written = fc
  .tuple(fc.jsonValue({ maxDepth: 8 }), spaced, fc.boolean())
  .map(([value, space, spells]) => {
    const text = JSON.stringify(value, undefined, space)
    return spells ? text.replaceAll('o', '\\u006f') : text
  })

const valuesIn = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum: number, inner) => sum + valuesIn(inner), 1)
    : 1

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0

describe('the scanner of JSON', () => {
  it('the scanner finds the values of the parser', () => {
    fc.assert(
      fc.property(written, cuts, (text, at) => {
        const bytes = Buffer.from(text)
        const found = scan(text, { cuts: at })
        const whole = found.at(-1)
        const value: unknown = JSON.parse(text)
        expect(whole).toMatchObject({ level: 0, values: valuesIn(value), depth: depthOf(value) })
        expect(whole?.escapes).toBe((text.match(/\\./g) ?? []).length)
        for (const { start, end, values } of found) {
          const inner: unknown = JSON.parse(bytes.subarray(start, end).toString())
          expect(valuesIn(inner)).toBe(values)
        }
      }),
    )
  })

  it('the scanner reports the keys on a value’s path', () => {
    const found = scan('{"a":[{"b\\u0063":1}],"":{"d":null}}', { cuts: [8, 10, 12] })
    expect(found.map(({ level, keys }) => [level, ...keys])).toEqual([
      [3, 'a', undefined, 'bc'],
      [2, 'a', undefined],
      [1, 'a'],
      [2, '', 'd'],
      [1, ''],
      [0],
    ])
  })

  it('the scanner refuses a wrong structure like the parser', () => {
    const structure = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"a"', '1', 'null', ' ', '"\\""'),
      { maxLength: 12 },
    )
    fc.assert(
      fc.property(structure, cuts, (tokens, at) => {
        // Two words without a space are a spelling fault, and the parser checks the spelling.
        const text = tokens.join(' ')
        let isJson = true
        try {
          JSON.parse(text)
        } catch {
          isJson = false
        }
        if (isJson) scan(text, { cuts: at })
        else expect(() => scan(text, { cuts: at })).toThrow(JsonFault)
      }),
      { numRuns: 2000 },
    )
  })

  it.each([
    ['{"a":{"__proto__":1}}', '__proto__'],
    ['{"\\u005f_prot\\u006f__":1}', '__proto__'],
    ['[{"constructor":{"b":1,"prototype":2}}]', 'constructor'],
    ['{"constructor":[{"prototype":2}]}', undefined],
    ['{"constructor":1,"prototype":2}', undefined],
    ['{"a":"__proto__"}', undefined],
  ])('the scanner finds polluting keys in %s', (text, pollutes) => {
    for (let cut = 0; cut <= text.length; cut++) {
      expect(scan(text, { cuts: [cut], levels: 0 }).at(-1)?.pollutes).toBe(pollutes)
    }
  })

  it('the depth of containers has a limit', () => {
    expect(() => scan('['.repeat(1_000_000))).toThrow(JsonFault)
    expect(() => scan('9'.repeat(1_000_000))).toThrow(JsonFault)
  })
})
