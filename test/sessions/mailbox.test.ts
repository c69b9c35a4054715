/** The mailbox is reliable: every message is answered once and in order, despite deaths and load. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import type { WhenBusy } from '../../src/store/letter.ts'
import { until } from '../redis/until.ts'
import { openStage, type Stage } from './stage.ts'
import { untilIdle } from './staged-turn.ts'
import { cast, messagesOf, openTab, post } from './tab.ts'
import type { UpstreamCall } from './upstream.ts'
import { textOf } from './world.ts'

const messages = [1, 2, 3, 4, 5]

describe('a mailbox', () => {
  it('answers 5000 messages once and in order despite a death', async () => {
    // Under this load, no slow instance may count as dead.
    const environment = { LOOM_HEARTBEAT_MS: '6000' }
    await using stage = await openStage({ instances: 3, paceMs: 0, environment })
    const { calls } = stage.upstream
    const chatIds: string[] = Array.from({ length: 1000 }, () => randomUUID())
    const casting = Promise.all(
      chatIds.map(async (chatId, index) => {
        for (const number of messages) await insist(stage, { chatId, number, at: index + number })
      }),
    )
    await until(60_000, 'turns are under way', () => calls.length > 1500)
    await stage.instance(0).kill()
    await casting
    for (const [index, chatId] of chatIds.entries()) {
      await untilIdle(stage.instance(1).url, chatId)
      const history = await messagesOf(stage.instance(2).url, chatId)
      const users = history.filter((_, at) => at % 2 === 0)
      const replies = history.filter((_, at) => at % 2 === 1)
      const label = [
        `session ${index}: ${JSON.stringify(history.map(outlineOf), null, 1)}`,
        // A turn that failed before its first word has no reply. This is its reason.
        ...[1, 2].map((survivor) => stage.instance(survivor).errors().slice(-2000)),
      ].join('\n')
      expect(
        users.map(({ id }) => id),
        label,
      ).toEqual(messages.map(idOf))
      // A partial reply that cannot be withdrawn is continued.
      expect(replies.map(textOf), label).toEqual(
        messages.map(() =>
          expect.stringMatching(/^Step 1.*Step 1: one two three\. $|^Step 1: one two three\. $/),
        ),
      )
    }
    expect(new Set(calls.map(({ asked }) => asked)).size).toBe(5000)
    // One instance asked each message once, and one other repeated those of the dead instance. The
    // model may read requests of the dead instance after its death, so the order shows nothing.
    const dead = stage.instance(0).key
    for (const callers of [(key: string) => key === dead, (key: string) => key !== dead]) {
      const asked = calls.filter(({ key }) => callers(key)).map((call) => call.asked)
      expect(asked).toHaveLength(new Set(asked).size)
    }
  }, 400_000)

  it('runs one turn for a message posted twice', async () => {
    await using stage = await openStage()
    const chatIds = Array.from({ length: 20 }, () => randomUUID())
    await Promise.all(
      chatIds.map(async (chatId) => {
        const answers = await Promise.all(
          [0, 1, 0].map((index) => {
            const tab = openTab({ urls: [stage.instance(index).url] })
            return tab.send(chatId, 'steps: 2', { messageId: 'the-one' }).message
          }),
        )
        await untilIdle(stage.instance(0).url, chatId)
        const history = await messagesOf(stage.instance(1).url, chatId)
        expect(history.map(({ role }) => role)).toEqual(['user', 'assistant'])
        for (const answer of answers) expect(answer).toEqual(history[1])
      }),
    )
    expect(stage.upstream.calls).toHaveLength(2 * chatIds.length)
  })
})

const partial = 'Step 1: one two'
const whole = `${partial} three. `

interface Policy {
  whenBusy: WhenBusy
  status: number
  /** Whether the running turn ends because of it. */
  ends: boolean
  /** The final messages of the session, by the first word of the user message. */
  history: string[]
}

/** The effect of two messages that are posted during a turn, one after the other. */
const policies: Policy[] = [
  {
    whenBusy: 'queue',
    status: 202,
    ends: false,
    history: ['first', `${whole}Step 2: one two three. `, 'second', whole, 'third', whole],
  },
  {
    whenBusy: 'reject',
    status: 409,
    ends: false,
    history: ['first', `${whole}Step 2: one two three. `],
  },
  {
    whenBusy: 'interrupt',
    status: 202,
    ends: true,
    history: ['first', partial, 'second', partial, 'third', whole],
  },
  { whenBusy: 'rollback', status: 202, ends: true, history: ['third', whole] },
  {
    whenBusy: 'steer',
    status: 202,
    ends: false,
    history: ['first', 'second', 'third', `${whole}Step 2: one two three. `],
  },
]

describe('many busy sessions', () => {
  it('treat posts by whenBusy, from any instance', async () => {
    await using stage = await openStage()
    const runs = policies.flatMap((policy) =>
      Array.from({ length: 20 }, (_, at) => ({ ...policy, at, chatId: randomUUID() })),
    )
    await Promise.all(runs.map((run) => postWhileBusy(stage, run)))
    stage.upstream.letGo()
    for (const { chatId, whenBusy, ends, history } of runs) {
      await untilIdle(stage.instance(0).url, chatId)
      const held = await messagesOf(stage.instance(1).url, chatId)
      const told = held.map((message) => {
        const text = textOf(message)
        return message.role === 'user' ? text.split(' ', 1)[0] : text
      })
      expect(told, whenBusy).toEqual(history)
      const calls = stage.upstream.calls.filter(({ asked }) => asked.includes(chatId))
      const aborted = calls.filter(({ state }) => state === 'aborted')
      expect(aborted, whenBusy).toHaveLength(ends ? 2 : 0)
      if (whenBusy !== 'steer') continue
      // The model gets them with its next step.
      expect(calls).toHaveLength(2)
      expect(JSON.stringify(calls.at(-1)?.messages)).toMatch(/first .*second .*third /)
    }
  }, 400_000)
})

async function postWhileBusy(
  stage: Stage,
  { chatId, at, whenBusy, status, ends }: Policy & { chatId: string; at: number },
): Promise<void> {
  const url = (turn: number) => stage.instance((at + turn) % 2).url
  const untilCall = (word: string, wanted: UpstreamCall['state']) =>
    until(10_000, `the model's call of the ${word} turn is ${wanted}`, () =>
      stage.upstream.calls.some(
        ({ asked, state }) => state === wanted && asked.startsWith(`${word} ${chatId}`),
      ),
    )
  await cast(url(0), chatId, `first ${chatId}, steps: 2, hold at 1`)
  await untilCall('first', 'held')
  // A steered message does not choose the reply of the model.
  const wish = whenBusy === 'steer' ? '' : ', steps: 1'
  const second = `second ${chatId}${wish}${ends ? ', hold' : ''}`
  expect((await post(url(1), chatId, second, { whenBusy })).status).toBe(status)
  if (ends) await untilCall('second', 'held')
  const third = await post(url(2), chatId, `third ${chatId}${wish}`, { whenBusy })
  expect(third.status).toBe(status)
  if (ends) await untilCall('second', 'aborted')
}

/** The facts about a message for a failure of this test. */
const outlineOf = (message: UIMessage) => ({
  role: message.role,
  id: message.id,
  text: textOf(message),
  metadata: message.metadata,
})

const idOf = (number: number) => `message-${number}`

/** Posts until it is accepted, each time at another instance. The id makes it the same message. */
async function insist(
  stage: Stage,
  { chatId, number, at }: { chatId: string; number: number; at: number },
): Promise<void> {
  const text = `number ${number} of ${chatId}, steps: 1`
  for (let attempt = 0; attempt < 20; attempt++) {
    const { url } = stage.instance((at + attempt) % 3)
    const response = await post(url, chatId, text, { messageId: idOf(number) }).catch(
      () => undefined,
    )
    await response?.text()
    if (response?.status === 202) return
  }
  throw new Error(`message ${number} was not accepted`)
}
