/** Costs compared with sums that were computed by hand. Prices are US dollars per million tokens. */
import type { LanguageModelV4Usage } from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { costOf, type Price, reportedCost } from '../src/model/price.ts'
import { readModel, readPrice } from '../src/model/registry/entry.ts'
import { addSpending, noSpending, spendingIn, stepsIn, costFields } from '../src/spending.ts'

const tokens = (
  total: number | undefined,
  output: number | undefined,
  more: { cacheRead?: number; cacheWrite?: number; reasoning?: number } = {},
): LanguageModelV4Usage => ({
  inputTokens: {
    total,
    noCache: undefined,
    cacheRead: more.cacheRead,
    cacheWrite: more.cacheWrite,
  },
  outputTokens: { total: output, text: undefined, reasoning: more.reasoning },
})

const price = (cost: object): Price => {
  const read = readPrice(cost)
  if (read === undefined) throw new Error('no price')
  return read
}

const sonnet = price({ input: 3, output: 15, cache_read: 0.3, cache_write: 3.75 })
const tiered = price({
  input: 2.5,
  output: 7.5,
  cache_read: 0.5,
  // Not in order, because the list promises no order.
  tiers: [
    { input: 6.25, output: 18.5, cache_read: 1.25, tier: { type: 'context', size: 128_000 } },
    { input: 5, output: 15, tier: { type: 'context', size: 32_000 } },
  ],
})

describe('a cost', () => {
  it.each<[string, Price, LanguageModelV4Usage, number]>([
    // 1000 * 3 + 500 * 15
    ['plain', sonnet, tokens(1000, 500), 0.0105],
    // 100 * 3 + 800 * 0.3 + 100 * 3.75 + 10 * 15
    ['cached', sonnet, tokens(1000, 10, { cacheRead: 800, cacheWrite: 100 }), 0.001065],
    // 1000 * 1 + 50 * 2, cached tokens at the price of others
    [
      'cached, without a price for it',
      price({ input: 1, output: 2 }),
      tokens(1000, 50, { cacheRead: 900 }),
      0.0011,
    ],
    // 1000 * 2 + 40 * 8 + 60 * 3
    [
      'reasoning',
      price({ input: 2, output: 8, reasoning: 3 }),
      tokens(1000, 100, { reasoning: 60 }),
      0.0025,
    ],
    // 1000 * 2 + 100 * 8
    [
      'reasoning, without a price for it',
      price({ input: 2, output: 8 }),
      tokens(1000, 100, { reasoning: 60 }),
      0.0028,
    ],
    // A list has 0 for a missing price: 1000 * 4 + 100 * 20
    [
      'reasoning at 0',
      price({ input: 4, output: 20, reasoning: 0 }),
      tokens(1000, 100, { reasoning: 60 }),
      0.006,
    ],
    // A prompt is not free because it is cached: 100 * 5 + 900 * 5
    [
      'cache writes at 0',
      price({ input: 5, output: 1, cache_write: 0 }),
      tokens(1000, 0, { cacheWrite: 900 }),
      0.005,
    ],
    // A read from the cache can be free: 100 * 5
    [
      'cache reads at 0',
      price({ input: 5, output: 1, cache_read: 0 }),
      tokens(1000, 0, { cacheRead: 900 }),
      0.0005,
    ],
    ['free', price({ input: 0, output: 0 }), tokens(1000, 1000), 0],
    // 32,000 is not above 32,000: 32000 * 2.5 + 10 * 7.5
    ['at the edge of a tier', tiered, tokens(32_000, 10), 0.080075],
    // 32001 * 5 + 10 * 15
    ['above it', tiered, tokens(32_001, 10), 0.160155],
    // The tier has no cache price, so the lower one counts: 2001 * 5 + 30000 * 0.5 + 10 * 15
    ['above it, cached', tiered, tokens(32_001, 10, { cacheRead: 30_000 }), 0.025155],
    // 72000 * 6.25 + 128000 * 1.25 + 1000 * 18.5
    ['in the last tier', tiered, tokens(200_000, 1000, { cacheRead: 128_000 }), 0.6285],
    // More cached than read: a provider that counts them separately. 0 * 3 + 50 * 0.3
    ['more cached than read', sonnet, tokens(10, 0, { cacheRead: 50 }), 0.000015],
  ])('the cost equals a computation by hand: %s', (_name, price, usage, usd) => {
    expect(costOf(usage, price)).toBeCloseTo(usd, 12)
  })

  it('the cost is unknown if the usage is', () => {
    expect(costOf(tokens(undefined, undefined), sonnet)).toBeUndefined()
    expect(costOf(tokens(10, undefined), sonnet)).toBeUndefined()
    expect(costOf(tokens(undefined, 10), sonnet)).toBeUndefined()
  })

  it('the cost is never negative and grows with the tokens', () => {
    const count = fc.nat(2_000_000)
    const rate = fc.double({ min: 0, max: 100, noNaN: true })
    const rates = fc.record({ input: rate, output: rate })
    const counts = fc.record({ input: count, more: count, output: count, cacheRead: count })
    fc.assert(
      fc.property(rates, counts, (price, { input, more, output, cacheRead }) => {
        const less = costOf(tokens(input, output, { cacheRead }), price) ?? -1
        const all = costOf(tokens(input + more, output, { cacheRead }), price)
        expect(less).toBeGreaterThanOrEqual(0)
        expect(all).toBeGreaterThanOrEqual(less)
      }),
    )
  })
})

describe('a price', () => {
  it('a price over 200,000 tokens is a tier without other tiers', () => {
    const over = { input: 2.5, output: 15, cache_read: 0.25 }
    const base = { input: 1.25, output: 10, cache_read: 0.125, context_over_200k: over }
    expect(readPrice(base)?.tiers).toEqual([
      { above: 200_000, input: 2.5, output: 15, cacheRead: 0.25 },
    ])
    const tiers = [{ ...over, tier: { type: 'context', size: 272_000 } }]
    expect(readPrice({ ...base, tiers })?.tiers?.map(({ above }) => above)).toEqual([272_000])
  })

  it.each([
    [undefined],
    [null],
    [{}],
    [{ input: 1 }],
    [{ input: '1', output: 2 }],
    [{ input: -1, output: 2 }],
    [[1, 2]],
  ])('an unreadable price is unknown: %j', (cost) => {
    expect(readPrice(cost)).toBeUndefined()
    expect(readModel('m', { cost })).not.toHaveProperty('price')
  })

  it('tiers of another kind are left out', () => {
    const tiers = [{ input: 9, output: 9, tier: { type: 'time', size: 3 } }, 7, null]
    expect(readPrice({ input: 1, output: 2, tiers })).toEqual({ input: 1, output: 2 })
  })
})

describe('the cost that OpenRouter reports', () => {
  const raw = (usage: object): LanguageModelV4Usage => ({ ...tokens(1, 1), raw: { ...usage } })

  it("OpenRouter's charge counts, plus the user's own upstream bill", () => {
    expect(reportedCost(raw({ cost: 0.95 }))).toBe(0.95)
    const details = { cost_details: { upstream_inference_cost: 19 } }
    expect(reportedCost(raw({ cost: 0.95, is_byok: true, ...details }))).toBe(19.95)
    expect(reportedCost(raw({ cost: 0.95, is_byok: false, ...details }))).toBe(0.95)
    expect(reportedCost(raw({ cost: '0.95' }))).toBeUndefined()
    expect(reportedCost(raw({ cost: { total: 1 } }))).toBeUndefined()
    expect(reportedCost(tokens(1, 1))).toBeUndefined()
  })
})

describe('spending', () => {
  const usage = { ...noSpending.usage, inputTokens: 1, totalTokens: 1 }

  it('a partly unknown cost is only kept for budgets', () => {
    const known = { usage, usd: 0.1, isCostKnown: true }
    const unknown = { usage, usd: 0, isCostKnown: false }
    expect(costFields(addSpending(known, known))).toEqual({ cost: { usd: 0.2 } })
    expect(costFields(addSpending(known, unknown))).toEqual({})
    expect(addSpending(known, unknown)).toMatchObject({ usd: 0.1, usage: { totalTokens: 2 } })
    expect(costFields(noSpending)).toEqual({})
    expect(costFields({ usage, usd: 0, isCostKnown: true })).toEqual({ cost: { usd: 0 } })
  })

  it('spending is read back from any metadata', () => {
    const stepUsage = [{ model: 'a/b', usage, cost: { usd: 0.5 } }, { usage }, 7, null]
    expect(spendingIn({ usage, stepUsage })).toEqual({ usage, usd: 0.5, isCostKnown: false })
    expect(spendingIn({ usage, cost: { usd: 2 }, stepUsage }).usd).toBe(2)
    expect(stepsIn({ stepUsage })).toEqual([{ model: 'a/b', usage, cost: { usd: 0.5 } }, { usage }])
    const known = [
      { usage, cost: { usd: 0.5 } },
      { usage, cost: { usd: 0.25 } },
    ]
    expect(spendingIn({ usage, cost: null, stepUsage: known })).toEqual({
      usage,
      usd: 0.75,
      isCostKnown: true,
    })
    for (const metadata of [undefined, null, 7, 'x', [], { usage: { inputTokens: 'x' } }]) {
      expect(spendingIn(metadata)).toEqual(noSpending)
      expect(stepsIn(metadata)).toEqual([])
    }
  })
})
