import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { bytesInSteps, isOnePiece, jsonInSteps, jsonPieces } from '../src/ground/json/pieces.ts'

const large = 'Words, "quoted".\n'.repeat(40_000)

/** Values of more than one piece. The generated value is beside, inside and after a large one. */
const values = fc
  .tuple(
    fc.anything({
      withDate: true,
      withObjectString: true,
      withNullPrototype: true,
      withSparseArray: true,
      maxDepth: 4,
    }),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(1, 3, 30_000),
  )
  .map(([value, text, count]) => ({
    [text]: value,
    list: Array.from({ length: count }, () => value),
    deep: [[{ [text]: [large, value, undefined] }]],
    large: large + text.repeat(30_000 / (1 + text.length)),
    nothing: undefined,
    date: new Date(0),
  }))

describe('JSON in pieces', () => {
  it('the joined pieces equal JSON.stringify', async () => {
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        expect(isOnePiece(value)).toBe(false)
        const whole = JSON.stringify(value)
        const pieces = await jsonInSteps(value)
        expect(pieces.length).toBeGreaterThan(1)
        expect(pieces.join('') === whole).toBe(true)
        expect(Buffer.concat(await bytesInSteps(value)).equals(Buffer.from(whole))).toBe(true)
      }),
      { numRuns: 40 },
    )
  })

  it('no piece splits a character', () => {
    for (const shift of [0, 1]) {
      const text = 'a'.repeat(shift) + '😀'.repeat(600_000)
      const bytes = [...jsonPieces({ text })].map((piece) => Buffer.from(piece))
      expect(Buffer.concat(bytes).toString() === JSON.stringify({ text })).toBe(true)
    }
  })

  it('each piece has a bounded size', () => {
    const value = { list: Array.from({ length: 100_000 }, (_, index) => ({ index, large: 'x' })) }
    const sizes = [...jsonPieces({ value, large: large.repeat(3) })].map(({ length }) => length)
    expect(Math.max(...sizes)).toBeLessThan(1_500_000)
  })

  it('a replacer works as in JSON.stringify', () => {
    const value = { drop: large, keep: [{ drop: large, keep: large }, 'x'] }
    const replacer = (key: string, field: unknown) => (key === 'drop' ? undefined : field)
    expect([...jsonPieces(value, replacer)].join('') === JSON.stringify(value, replacer)).toBe(true)
  })
})
