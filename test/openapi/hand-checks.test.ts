/**
 * The schemas of the document agree with the checks that the code makes without a schema: those of user
 * messages and of the times of schedules. The checks also take older forms of messages, which the document
 * leaves out.
 */
import { Ajv2020 } from 'ajv/dist/2020.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { componentSchemas } from '../../routes/openapi/component-schemas.ts'
import { userMessageForm } from '../../routes/posted-form.ts'
import { LoomError } from '../../src/ground/error.ts'
import { readTime, timeFields } from '../../src/session/schedule-time.ts'
import { checkAnswerable, readMessage } from '../../src/wire/conversation.ts'

const ajv = new Ajv2020({ strict: false })
const isMessage = ajv.compile(userMessageForm)

/** Whether a check accepts a value. Any other error than a refusal fails the test. */
async function accepts(check: () => unknown): Promise<boolean> {
  try {
    await check()
    return true
  } catch (error) {
    if (error instanceof LoomError && error.code === 'invalid-request') return false
    throw error
  }
}

const odd = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true }),
  fc.string(),
  fc.constant([]),
  fc.constant({}),
)
const sometimes = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary: value }, { weight: 1, arbitrary: odd })

const part = fc.oneof(
  fc.record(
    { type: fc.constant('text'), text: sometimes(fc.string()) },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constant('file'),
      mediaType: sometimes(fc.constantFrom('text/plain', 'image/png')),
      url: sometimes(fc.constant('data:text/plain;base64,SGk=')),
      filename: sometimes(fc.string()),
    },
    { requiredKeys: ['type'] },
  ),
  fc.record(
    {
      type: fc.constantFrom('data-note', 'data-x'),
      id: sometimes(fc.string()),
      data: fc.jsonValue(),
    },
    { requiredKeys: ['type'] },
  ),
)

const message = fc.record(
  {
    id: fc.oneof({ weight: 6, arbitrary: fc.string({ maxLength: 260 }) }, odd),
    role: fc.oneof({ weight: 12, arbitrary: fc.constant('user') }, odd),
    parts: sometimes(fc.array(sometimes(part), { maxLength: 3 })),
    content: fc.oneof({ weight: 6, arbitrary: fc.string() }, fc.constant(null), fc.boolean()),
  },
  { requiredKeys: ['role'] },
)

describe('the schema of a user message', () => {
  it('accepts what the check accepts, and no more', async () => {
    const seen = { accepted: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(message, async (posted) => {
        const isAccepted = await accepts(async () => {
          checkAnswerable(await readMessage(posted, 'message'))
        })
        seen[isAccepted ? 'accepted' : 'refused']++
        expect({ posted, isAccepted: isMessage(posted) }).toEqual({ posted, isAccepted })
      }),
      { numRuns: 1500 },
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(100)
  })
})

const { NewSchedule: { properties: allProperties, ...rest } = {} } = componentSchemas()
const properties = Object.fromEntries(
  Object.entries(Object(allProperties)).filter(([name]) =>
    timeFields.some((each) => each === name),
  ),
)
const isTime = ajv.compile({ ...rest, properties, required: [] })

const times = {
  at: fc.oneof(
    fc.constantFrom('2027-01-31T09:00:00Z', '2027-01-31T09:00+02:00', '2027-01-31', 'soon'),
    fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
    fc.boolean(),
  ),
  after: fc.oneof(fc.double({ min: -10, max: 4e11, noNaN: true }), fc.string()),
  every: fc.oneof(
    fc.double({ min: 0, max: 4e11, noNaN: true }),
    fc.constantFrom(999, 1000),
    fc.string(),
  ),
  cron: fc.oneof(
    fc.constantFrom('0 9 * * 1', ' 0  9 * * MON-FRI ', '0 9 * *', '0 0 9 * * 1', ''),
    fc.boolean(),
  ),
}
const timeZone = fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin'), fc.boolean())
const zoned = { requiredKeys: ['cron' as const] }

const time = fc.oneof(
  fc.record({ at: times.at }),
  fc.record({ after: times.after }),
  fc.record({ every: times.every }),
  fc.record({ cron: times.cron, timeZone }, zoned),
  fc.record({ ...times, timeZone }, { requiredKeys: [] }),
)

describe('the schema of the time of a schedule', () => {
  it('accepts what the check accepts, and no more', async () => {
    const seen = { accepted: 0, refused: 0 }
    await fc.assert(
      fc.asyncProperty(time, async (fields) => {
        const isAccepted = await accepts(() => readTime(fields, Date.UTC(2026, 11, 1)))
        seen[isAccepted ? 'accepted' : 'refused']++
        expect({ fields, isAccepted: isTime(fields) }).toEqual({ fields, isAccepted })
      }),
      { numRuns: 3000 },
    )
    expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50)
  })
})
