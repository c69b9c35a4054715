/** On an overloaded machine, no living owner counts as dead. */
import { randomUUID } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openLoops } from './loops.ts'
import { openStage, type Stage } from './stage.ts'
import { untilIdle } from './staged-turn.ts'
import { messagesOf, post } from './tab.ts'
import { textOf } from './world.ts'

const sessions = 400
const each = 3

/** The default heartbeat of a server. */
const environment = { LOOM_HEARTBEAT_MS: '3000' }

describe('on a machine with two busy loops', () => {
  it('a living owner keeps its turns', async () => {
    await using loops = await openLoops(2)
    await using stage = await openStage({ instances: 3, paceMs: 0, environment })
    const chatIds = await castAll(stage, [0, 1, 2])
    for (const chatId of chatIds) await expectAnswers(stage, chatId, /^Step 1: one two three\. $/)
    const asked = stage.upstream.calls.map((call) => call.asked)
    expect(asked).toHaveLength(new Set(asked).size)
    expect(loops.running).toBe(2)
  }, 400_000)

  it('only the turns of a dead owner are taken over', async () => {
    await using loops = await openLoops(2)
    await using stage = await openStage({ instances: 3, paceMs: 0, environment })
    const { calls } = stage.upstream
    const casting = castAll(stage, [0, 1, 2])
    await until(120_000, 'turns are under way', () => calls.length > (sessions * each) / 4)
    await stage.instance(0).kill()
    for (const chatId of await casting) {
      await expectAnswers(stage, chatId, /Step 1: one two three\. $/)
    }
    const dead = stage.instance(0).key
    const byLiving = calls.filter(({ key }) => key !== dead).map((call) => call.asked)
    expect(byLiving).toHaveLength(new Set(byLiving).size)
    expect(new Set(calls.map(({ asked }) => asked)).size).toBe(sessions * each)
    expect(loops.running).toBe(2)
  }, 400_000)
})

/** Posts to all sessions at once, and repeats each message until an instance accepts it. */
function castAll(stage: Stage, instances: readonly number[]): Promise<string[]> {
  return Promise.all(
    Array.from({ length: sessions }, async (_, index) => {
      const chatId = randomUUID()
      for (let number = 1; number <= each; number++) {
        const text = `number ${number} of ${chatId}, steps: 1`
        let attempt = index + number
        await until(120_000, 'the message is accepted', async () => {
          const { url } = stage.instance(instances[attempt++ % instances.length] ?? 0)
          const options = { messageId: `message-${number}` }
          const response = await post(url, chatId, text, options).catch(() => undefined)
          await response?.text().catch(() => undefined)
          return response?.status === 202
        })
      }
      return chatId
    }),
  )
}

async function expectAnswers(stage: Stage, chatId: string, answer: RegExp): Promise<void> {
  await until(60_000, 'the session is idle', async () => {
    await untilIdle(stage.instance(1).url, chatId)
    return true
  })
  const history = await messagesOf(stage.instance(2).url, chatId)
  const replies = history.filter(({ role }) => role === 'assistant').map(textOf)
  expect(replies).toEqual(Array.from({ length: each }, () => expect.stringMatching(answer)))
}
