/** The faults that the mock can produce, and their effect for a user, over each protocol. */
import { LLMock } from '@copilotkit/aimock'
import type { ChaosConfig } from '@copilotkit/aimock'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'

import { type Agent, defineAgent } from '../../src/agent.ts'
import { createModels } from '../../src/model/resolve.ts'
import { calculator } from '../../tools/calculator.ts'
import type { OnFinished } from '../fixtures/open-server.ts'
import {
  apiKey,
  askedOf,
  assistant,
  calculates,
  environmentFor,
  expectPairedCalls,
  ofType,
  openStage,
  providers,
  quickRetries,
  record,
  type Reply,
  says,
  script,
  textOf,
  typesOf,
} from './stage.ts'

const refusal = (status: number, message = 'Come back later.'): Reply => [
  { error: { message, type: 'server_error', code: 'busy' }, status, retryAfter: 0 },
]
const chaos = (config: ChaosConfig): Reply => [says('Never seen.'), { chaos: config }]

/** These faults are temporary: the same call may succeed a moment later. */
const temporaryFaults: readonly [string, Reply][] = [
  ['429', refusal(429)],
  ['500', refusal(500)],
  ['503', refusal(503)],
  ['529', refusal(529)],
  ['a dropped request', chaos({ dropRate: 1 })],
  ['a rate limit with Retry-After', chaos({ rateLimitRate: 1 })],
  ['a connection closed without a word', chaos({ disconnectRate: 1 })],
  ['a stream that breaks before its first word', [says('Ah.'), { truncateAfterChunks: 1 }]],
]

/** These faults are permanent: a second call would fail too. */
const permanentFaults: readonly [string, Reply][] = [
  ['400', refusal(400, 'That is no request.')],
  ['401', refusal(401, 'Who are you?')],
  ['403', refusal(403, 'Not for you.')],
  ['404', refusal(404, 'No such model.')],
]

/** Its longest pause allows the wait that the mock's rate limit asks for: one second. */
const patient = defineAgent({ ...assistant, retry: { ...quickRetries, maxDelayMs: 5000 } })

const malformed = chaos({ malformedRate: 1 })

/** A second provider, without faults. */
async function openBackup(onFinished: OnFinished): Promise<LLMock> {
  const backup = new LLMock({ port: 0, auth: { apiKeys: [apiKey] } })
  backup.on({}, says('The backup speaks.'))
  await backup.start()
  onFinished(() => backup.stop())
  return backup
}

// Some of these tests wait for a limit or a pause, so they run beside each other.
describe.concurrent.each(providers)('$name', ({ model }) => {
  test.for(temporaryFaults)(
    'retries without a visible error after %s',
    async ([, fault], { onTestFinished }) => {
      const { mock, models } = await openStage(onTestFinished)
      script(mock, 'Hello', fault, [says('Here I am.')])
      const { events, result } = await record(patient, 'Hello?', { model, models })
      expect(result).toMatchObject({ text: 'Here I am.', steps: 1, outcome: 'finished' })
      expect(typesOf(events)).not.toContain('reset-step')
      expect(textOf(events)).toBe('Here I am.')
      expect(mock.getRequests()).toHaveLength(2)
    },
  )

  test.for(temporaryFaults)(
    'a permanent fault ends with a readable error: %s',
    async ([, fault], { onTestFinished }) => {
      const { mock, models } = await openStage(onTestFinished)
      script(mock, 'Hello', fault, fault, fault, fault)
      const { events, error } = await record(patient, 'Hello?', { model, models })
      expect(mock.getRequests()).toHaveLength(1 + quickRetries.retries)
      expect(ofType(events, 'error')[0]?.errorText).toBe(error?.message)
      expect(error?.result?.outcome).toBe('error')
    },
  )

  test.for(permanentFaults)(
    'reports the reason without a retry after %s',
    async ([status, fault], { onTestFinished }) => {
      const { mock, models } = await openStage(onTestFinished)
      script(mock, 'Hello', fault, [says('Too late.')])
      const { error } = await record(assistant, 'Hello?', { model, models })
      expect(mock.getRequests()).toHaveLength(1)
      expect(error?.message).toMatch(new RegExp(`answered with ${status}: .*(request|you|model)`))
    },
  )

  test.for([...temporaryFaults, ...permanentFaults, ['malformed JSON', malformed] as const])(
    'calls the next model after %s',
    async ([, fault], { onTestFinished }) => {
      const { mock } = await openStage(onTestFinished)
      const backup = await openBackup(onTestFinished)
      const models = createModels({
        environment: {
          ...environmentFor(mock.url),
          BACKUP_BASE_URL: `${backup.url}/v1`,
          BACKUP_API_KEY: apiKey,
        },
      })
      script(mock, 'Hello', fault, [says('Too late.')])
      const agent = defineAgent({ ...assistant, retry: { retries: 0 } })
      const both = { model: [model, 'backup/small'], models }
      const { events, result } = await record(agent, 'Hello?', both)
      expect(result?.text).toBe('The backup speaks.')
      expect(ofType(events, 'finish')[0]?.messageMetadata).toMatchObject({ model: 'backup/small' })
    },
  )

  test('malformed JSON is no answer', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    script(mock, 'Hello', malformed, malformed, malformed, malformed)
    const { error } = await record(assistant, 'Hello?', { model, models })
    expect(error?.code).toBe('model-failed')
  })

  test('a silent model reaches its time limits', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    // The good answer must arrive before the limit on a busy machine, too.
    const limits = { firstChunkMs: 700, nextChunkMs: 700 }
    script(
      mock,
      'Hello',
      [says('Too late to be heard.'), { chaos: { latencyMs: 5000 } }],
      [says('Hesitating all the time.'), { streamingProfile: { ttft: 1, tps: 0.5 } }],
      [says('Here I am.')],
    )
    const { events, result } = await record(assistant, 'Hello?', { model, models, limits })
    expect(result?.text).toBe('Here I am.')
    expect(textOf(events)).toMatch(/(Here I am.)$/)
  })

  test('a permanent silence is reported as a timeout', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    mock.on({}, says('Too late.'), { chaos: { latencyMs: 1000 } })
    const agent = defineAgent({ ...assistant, retry: { retries: 1, initialDelayMs: 1 } })
    const limits = { firstChunkMs: 40 }
    const { error } = await record(agent, 'Hello?', { model, models, limits })
    expect(error).toMatchObject({ code: 'model-timeout', message: /silent for 40 ms/ })
  })
})

const limited = (retryAfter: number): Reply => [
  { error: { message: 'Slow down.', type: 'rate_limit_error' }, status: 429, retryAfter },
]

describe.concurrent('Retry-After', () => {
  test('the run waits for the time in Retry-After', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    script(mock, 'Hello', limited(1), [says('Here I am.')])
    const agent = defineAgent({ ...assistant, retry: { initialDelayMs: 1, maxDelayMs: 5000 } })
    const { result } = await record(agent, 'Hello?', { model: 'mock/large', models })
    const [first, second] = mock.getRequests().map(({ timestamp }) => timestamp)
    expect(result?.text).toBe('Here I am.')
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(950)
  })

  test('a longer Retry-After than the agent’s limit ends the run', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    script(mock, 'Hello', limited(3600), [says('Never asked.')])
    const { error } = await record(patient, 'Hello?', { model: 'mock/large', models })
    expect(mock.getRequests()).toHaveLength(1)
    expect(error?.message).toMatch(/Slow down\..* asks to wait 3600 s, .* limit of 5 s/)
  })
})

/** A thought, a text and a call, so that a cut can be within every kind of part. */
const long = { ...calculates('6 * 7'), content: 'Let me see about that.', reasoning: 'I wonder.' }
const cutOffNote = 'cut off there'

/** An agent whose calculator also accepts cut arguments, and records its inputs. */
function attentive(): { agent: Agent; inputs: string[] } {
  const inputs: string[] = []
  const inputSchema = z.looseObject({})
  const execute = (input: unknown) => {
    inputs.push(JSON.stringify(input))
    return { result: 42 }
  }
  const tools = [{ ...calculator, inputSchema, execute }]
  return { agent: defineAgent({ ...assistant, tools }), inputs }
}

const breakAfter = (mock: LLMock, truncateAfterChunks: number) => {
  mock.clearFixtures().resetMatchCounts()
  mock.clearRequests()
  const fault = { truncateAfterChunks, latency: 1 }
  script(mock, 'Hello', [long, fault], [long], [says('It is 42.')], [says('It is 42.')])
}

describe.concurrent.each(providers)('a stream of $name that breaks off', ({ model }) => {
  // The places among the 20 chunks. The two readers use alternate places.
  const cuts = Array.from({ length: 10 }, (_, index) => 2 * index)

  test('a reader with reset-step receives the step again', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    const { agent, inputs } = attentive()
    let resets = 0
    for (const cut of cuts) {
      const chunks = cut + 1
      breakAfter(mock, chunks)
      const { events, result } = await record(agent, 'Hello?', { model, models })
      const types = typesOf(events)
      const label = `after ${chunks} chunks: ${types.join(' ')}`
      expect(result?.text, label).toBe('It is 42.')
      resets += types.filter((type) => type === 'reset-step').length
      const last = events.slice(types.lastIndexOf('reset-step') + 1)
      expect(textOf(last), label).toMatch(/^(Let me see about that\.){1,2}It is 42\.$/)
      expect(JSON.stringify(askedOf(mock)), label).not.toContain(cutOffNote)
      expectPairedCalls(askedOf(mock))
    }
    // Some cuts were within the visible part, and at most one in each run.
    expect(resets).toBeGreaterThan(1)
    expect(resets).toBeLessThanOrEqual(cuts.length)
    expect(new Set(inputs)).toEqual(new Set(['{"expr":"6 * 7"}']))
  })

  test('a reader without reset-step receives a continuation', async ({ onTestFinished }) => {
    const { mock, models } = await openStage(onTestFinished)
    const { agent, inputs } = attentive()
    let continued = 0
    for (const cut of cuts) {
      const chunks = cut + 2
      breakAfter(mock, chunks)
      mock.prependFixture({ match: { userMessage: cutOffNote }, response: says('So, 42.') })
      const recovery = 'continue'
      const { events, result } = await record(agent, 'Hello?', { model, models, recovery })
      const label = `after ${chunks} chunks: ${typesOf(events).join(' ')}`
      expect(typesOf(events), label).not.toContain('reset-step')
      expect(result?.text, label).toMatch(/^(It is 42|So, 42)\.$/)
      if (result?.text === 'So, 42.') continued++
      // The model receives exactly the text that the reader saw.
      const kept = result?.messages.flatMap(({ role, content }) =>
        role === 'assistant' && typeof content !== 'string' ? content : [],
      )
      const texts = kept?.map((part) => (part.type === 'text' ? part.text : ''))
      expect(texts?.join(''), label).toBe(textOf(events))
      expect(
        kept?.map(({ type }) => type),
        label,
      ).not.toContain('custom')
      expectPairedCalls(askedOf(mock))
    }
    expect(continued).toBeGreaterThan(1)
    expect(new Set(inputs)).toEqual(new Set(['{"expr":"6 * 7"}']))
  })
})
