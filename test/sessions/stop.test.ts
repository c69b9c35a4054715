/** A stop ends the turn through any instance, in any state, and despite deaths. The text so far is kept. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import type { UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openLedger } from './ledger.ts'
import { measured, median } from './random.ts'
import { openStage, type Stage } from './stage.ts'
import { beginTurn, oneAnswer, untilIdle, untilSeen } from './staged-turn.ts'
import { cast, messagesOf, openTab, stopTurn } from './tab.ts'
import { textOf } from './world.ts'

const program = join(import.meta.dirname, 'effects-server.ts')

describe('a stop through another instance', () => {
  it('ends the model call within 0.2 s (median), keeping the text', async () => {
    await using stage = await openStage()
    const tookMs = await measured(200, async () => median(await timesToStop(stage, 9)))
    expect(tookMs).toBeLessThan(200)
  })

  it('ends a tool, and nothing runs after it', async () => {
    await using ledger = await openLedger()
    await using stage = await openStage({ program, environment: { LEDGER_URL: ledger.url } })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const chatId = randomUUID()
    ledger.holdAt(chatId, 'before')
    const turn = await beginTurn({ owner, survivor: other, chatId, text: 'steps: 3, tool: keyed' })
    await ledger.held(chatId)
    expect(await stopTurn(other.url, chatId)).toBe(true)
    await ledger.left(chatId)
    const stored = await oneAnswer(turn, other)
    expect(lastOf(stored)).toMatchObject({ type: 'tool-keyed', state: 'output-error' })
    expect(ledger.effectsOf(chatId)).toEqual([])
    expect(stage.upstream.calls).toHaveLength(1)
    expect(await stopTurn(other.url, chatId)).toBe(false)
  })

  it('with queue=run answers the next message still queued', async () => {
    await using stage = await openStage()
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor: other, text: 'first, steps: 1, hold' })
    await until(5000, 'the model is silent', () => stage.upstream.held === 1)
    const { chatId } = turn
    await cast(other.url, chatId, 'second, steps: 1', { messageId: 'second' })
    await cast(owner.url, chatId, 'third, steps: 1', { messageId: 'third' })
    const address = `${other.url}/api/chat/${chatId}/queue/second`
    expect((await fetch(address, { method: 'DELETE' })).status).toBe(200)
    expect(await stopTurn(other.url, chatId, 'run')).toBe(true)
    const [mine, theirs] = await Promise.all([turn.asked.message, turn.watched.message])
    await untilIdle(other.url, chatId)
    const history = await messagesOf(other.url, chatId)
    expect(history.map((message) => textOf(message))).toEqual([
      'first, steps: 1, hold',
      'Step 1: one two',
      'third, steps: 1',
      'Step 1: one two three. ',
    ])
    expect(mine).toEqual(history[1])
    expect(theirs).toEqual(history[1])
    expect(stage.upstream.asked).toEqual(['first, steps: 1, hold', 'third, steps: 1'])
  })

  it('holds the queue through the death of its owner', async () => {
    await using stage = await openStage()
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const turn = await beginTurn({ owner, survivor: other, text: 'first, steps: 1, hold' })
    await until(5000, 'the model is silent', () => stage.upstream.held === 1)
    const { chatId } = turn
    await cast(other.url, chatId, 'second, steps: 1', { messageId: 'second' })
    await cast(other.url, chatId, 'third, steps: 1', { messageId: 'third' })
    // It cannot react any more.
    owner.freeze()
    expect(await stopTurn(other.url, chatId)).toBe(true)
    await owner.kill()
    await untilIdle(other.url, chatId)
    const queue = `${other.url}/api/chat/${chatId}/queue`
    expect(await (await fetch(queue)).json()).toMatchObject({
      queue: [{ id: 'second' }, { id: 'third' }],
      held: true,
    })
    expect(stage.upstream.asked).toEqual(['first, steps: 1, hold'])
    const run = await fetch(`${queue}/run`, { method: 'POST' })
    expect([run.status, await run.json()]).toEqual([200, { running: true, queued: 1 }])
    await until(10_000, 'both are answered', async () => {
      return (await messagesOf(other.url, chatId)).length === 6
    })
    expect(stage.upstream.asked.slice(1)).toEqual(['second, steps: 1', 'third, steps: 1'])
  })
})

describe('a stop of a turn whose owner is killed', () => {
  it('is done by the next owner, without model or tool', async () => {
    await using ledger = await openLedger()
    await using stage = await openStage({ program, environment: { LEDGER_URL: ledger.url } })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const chatId = randomUUID()
    ledger.holdAt(chatId, 'before')
    const turns = [
      await beginTurn({ owner, survivor: other, text: 'steps: 1, hold' }),
      await beginTurn({ owner, survivor: other, text: 'steps: 3, tool: safe', chatId }),
    ]
    await until(5000, 'the model is silent', () => stage.upstream.held === 1)
    await ledger.held(chatId)
    // It receives nothing any more.
    owner.freeze()
    for (const turn of turns) expect(await stopTurn(other.url, turn.chatId)).toBe(true)
    await owner.kill()
    const stored: UIMessage[] = []
    for (const turn of turns) stored.push(await oneAnswer(turn, other))
    expect(stored.map(lastOf)).toMatchObject([
      { type: 'text', text: 'Step 1: one two', state: 'done' },
      { type: 'tool-safe', state: 'output-error' },
    ])
    expect(stage.upstream.calls).toHaveLength(2)
    expect(ledger.effectsOf(chatId)).toEqual([])
  })

  it('is not lost at the moment of the death', async () => {
    await using stage = await openStage({ paceMs: 15 })
    const [owner, other] = [stage.instance(0), stage.instance(1)]
    const turns = await Promise.all(
      Array.from({ length: 10 }, () => beginTurn({ owner, survivor: other })),
    )
    await Promise.all(turns.map((turn) => untilSeen(turn, 20)))
    const stopped = await Promise.all(turns.map(({ chatId }) => stopTurn(other.url, chatId)))
    await owner.kill()
    await stage.upstream.quiet()
    const calls = stage.upstream.calls.length
    expect(stopped).toEqual(turns.map(() => true))
    for (const turn of turns) {
      const { parts } = await oneAnswer(turn, other)
      expect(textOf({ parts })).not.toContain('Step 10')
    }
    expect(stage.upstream.calls).toHaveLength(calls)
  })
})

/** The last text or call: the data of a tool and an empty step may follow it. */
const lastOf = ({ parts }: UIMessage) =>
  parts.findLast(({ type }) => type === 'text' || type.startsWith('tool-'))

/** The time from the response to a stop until the model sees the end of its request. */
async function timesToStop(stage: Stage, count: number): Promise<number[]> {
  const [owner, other] = [stage.instance(0), stage.instance(1)]
  const times: number[] = []
  for (let index = 0; index < count; index++) {
    const turn = await beginTurn({ owner, survivor: other, text: 'steps: 2, hold' })
    await until(5000, 'the model is silent', () => stage.upstream.held === 1)
    const call = stage.upstream.calls.at(-1)
    expect(await stopTurn(other.url, turn.chatId)).toBe(true)
    const stoppedAt = performance.now()
    await until(5000, 'the call is aborted', () => call?.state === 'aborted')
    times.push((call?.endedAt ?? Number.NaN) - stoppedAt)
    const stored = await oneAnswer(turn, other)
    expect(stored.parts.at(-1)).toMatchObject({ type: 'text', text: 'Step 2: one two' })
    expect(stage.upstream.calls.at(-1)).toBe(call)
    // A tab that comes now gets no stream.
    expect(await openTab({ urls: [other.url] }).reattach(turn.chatId).message).toBeUndefined()
  }
  return times
}
