/**
 * The fault kit: what happens to an instance, to Redis or to a connection in the middle of turns, and what
 * clients must see then. The clients are at the instances themselves, or at a balancer in front of them:
 * each function takes the address at which they read (`Door`).
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'

import { expect } from 'vitest'
import { z } from 'zod'

import { sessionKey } from '../../src/store/redis/keys.ts'
import { until } from '../redis/until.ts'
import { startCutProxy } from './cut-proxy.ts'
import type { Ledger } from './ledger.ts'
import { ofOwner, rawLog } from './redis-log.ts'
import type { BareStage, Stage, StageInstance } from './stage.ts'
import { expectWhole, isOver, oneAnswer, type StagedTurn, untilIdle } from './staged-turn.ts'
import { messagesOf, openTab } from './tab.ts'
import { userMessage } from './world.ts'

/** The address at which clients read. */
export interface Door {
  url: string
}

/** A number of events in which a ten-step turn is not over. */
export const amid = 30

/**
 * Kills an instance in the middle of its turns, and replaces it. Each turn is one coherent answer for its
 * tabs, and for a page that loads after the death. Returns the number of turns that were not over.
 */
export async function killAmid(
  stage: BareStage,
  index: number,
  { turns, door, label = '' }: { turns: readonly StagedTurn[]; door: Door; label?: string },
): Promise<number> {
  const alive = turns.filter((turn) => !isOver(turn))
  const labels = alive.map(
    ({ profile, seen }) =>
      `${label}${profile}, killed after ${seen.length} events, the last ${seen.at(-1)}`,
  )
  await stage.instance(index).kill()
  const replacing = stage.start(index)
  const pages = alive.map(({ chatId, profile }) =>
    openTab({ urls: [door.url], ...(profile && { profile }) }).reattach(chatId),
  )
  await Promise.all(
    alive.map(async (turn, at) => {
      const stored = await oneAnswer(turn, door, labels[at])
      expectWhole(stored, 10, labels[at])
      expect(await pages[at]?.message, labels[at]).toEqual(stored)
    }),
  )
  await replacing
  return alive.length
}

export interface Absence {
  begin: (it: StageInstance) => void
  end: (it: StageInstance) => void
}

export const absences: [name: string, absence: Absence][] = [
  ['froze', { begin: (owner) => owner.freeze(), end: (owner) => owner.thaw() }],
  ['was cut off from Redis', { begin: (owner) => owner.partition(), end: (owner) => owner.heal() }],
]

/**
 * Others take the turns of an owner that is absent for a while. After its return it writes not one byte,
 * and its readers get the whole answers.
 */
export async function leaveForAWhile(
  stage: Stage,
  owner: StageInstance,
  { turns, door, absence }: { turns: readonly StagedTurn[]; door: Door; absence: Absence },
): Promise<void> {
  absence.begin(owner)
  const log = (chatId: string) => rawLog(stage.redis.client, chatId)
  const before = await Promise.all(
    turns.map(async ({ chatId }) => {
      await until(8000, 'another has written', async () => {
        return ofOwner(await log(chatId), 1).length > 5
      })
      return ofOwner(await log(chatId), 0)
    }),
  )
  absence.end(owner)
  const answers = await Promise.all(turns.map((turn) => oneAnswer(turn, door)))
  await stage.upstream.quiet()
  for (const [index, { chatId }] of turns.entries()) {
    const stored = answers[index] ?? { id: '', role: 'assistant', parts: [] }
    expectWhole(stored, 10)
    const after = await rawLog(stage.redis.client, chatId, stored.id)
    expect(ofOwner(after, 0)).toEqual(before[index])
    // Only these owners have written, and in that order.
    expect(after).toEqual([...(before[index] ?? []), ...ofOwner(after, 1)])
    expect(await messagesOf(owner.url, chatId)).toEqual(await messagesOf(door.url, chatId))
  }
}

/** An instance ends in good order, and serves its readers to the end: no tab has to return. */
export async function terminateAmid(
  owner: StageInstance,
  { turns, door }: { turns: readonly StagedTurn[]; door: Door },
): Promise<void> {
  const { gone } = owner.terminate()
  await Promise.all(turns.map(async (turn) => expectWhole(await oneAnswer(turn, door), 10)))
  expect(await gone).toBe(0)
}

/** Redis is away for a while in the middle of turns, which lose nothing. */
export async function restartRedisAmid(
  { redis }: Stage,
  { turns, door, awayMs }: { turns: readonly StagedTurn[]; door: Door; awayMs: number },
): Promise<void> {
  await redis.kill()
  await delay(awayMs)
  await redis.restart()
  await Promise.all(turns.map(async (turn) => expectWhole(await oneAnswer(turn, door), 10)))
}

/** The connection of a tab closes again and again, at other places of the answer. */
export async function cutAmid(door: Door): Promise<void> {
  await using proxy = await startCutProxy(door.url)
  const chatId = randomUUID()
  let seen = 0
  proxy.cutNext(3, 'end')
  const asked = openTab({ urls: [proxy.url] }).send(chatId, 'steps: 10', {
    onChunk() {
      seen++
      // The next request is the return of this tab.
      if (proxy.cuts < 5) proxy.cutNext(2 + (seen % 5), seen % 2 === 0 ? 'reset' : 'end')
    },
  })
  const message = await asked.message
  await untilIdle(door.url, chatId)
  if (message !== undefined) expectWhole(message, 10)
  expect(message).toEqual((await messagesOf(door.url, chatId)).at(-1))
  expect(proxy.cuts).toBeGreaterThanOrEqual(5)
}

/**
 * A human approves a call after the instance that asked was killed. Then the instances that run such calls
 * are killed: the calls run again under the same keys.
 */
export async function approveAmidKills(
  stage: Stage,
  ledger: Ledger,
  doors: readonly Door[],
): Promise<void> {
  const asked = await Promise.all(
    doors.map(async (door) => ({ door, ...(await askForApproval(door)) })),
  )
  const { calls } = stage.upstream
  const asking = asked.map(({ chatId }) => calls.find(({ asked }) => asked.includes(chatId))?.key)
  const first = stage.instances().findIndex(({ key }) => key === asking[0])
  await stage.instance(first).kill()
  const tabs = await Promise.all(
    asked.map(async ({ door, chatId, approvalId }) => {
      ledger.holdAt(chatId, 'effect')
      await approve(door, chatId, approvalId)
      await ledger.held(chatId)
      return openTab({ urls: [door.url] }).reattach(chatId)
    }),
  )
  await stage.start(first)
  const owners = await Promise.all(asked.map(({ chatId }) => ownerOf(stage, chatId)))
  const running = [...new Set(owners)]
  await Promise.all(running.map((index) => stage.instance(index).kill()))
  for (const [index, { door, chatId }] of asked.entries()) {
    const message = await tabs[index]?.message
    await untilIdle(door.url, chatId)
    const stored = (await messagesOf(door.url, chatId)).at(-1)
    expect(message).toEqual(stored)
    expect(stored?.parts.find(({ type }) => type === 'tool-guarded')).toMatchObject({
      state: 'output-available',
      output: 'worked',
    })
    const key = `${chatId}:${stored?.id}:call-1`
    expect(ledger.effectsOf(chatId)).toEqual([key, key])
  }
  await Promise.all(running.map((index) => stage.start(index)))
}

const waiting = z.object({
  state: z.literal('waiting'),
  message: z.object({
    parts: z.array(
      z.object({ type: z.string(), approval: z.object({ id: z.string() }).optional() }),
    ),
  }),
})

async function askForApproval({ url }: Door): Promise<{ chatId: string; approvalId: string }> {
  const chatId = randomUUID()
  const text = `steps: 2, tool: guarded, for ${chatId}`
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    headers: { accept: 'application/json' },
    body: JSON.stringify({ id: chatId, messages: [userMessage(text)] }),
  })
  const { message } = waiting.parse(await response.json())
  const approvalId = message.parts.find(({ type }) => type === 'tool-guarded')?.approval?.id
  if (approvalId === undefined) throw new Error('The message waits for no approval.')
  return { chatId, approvalId }
}

async function approve({ url }: Door, chatId: string, approvalId: string): Promise<void> {
  const response = await fetch(`${url}/api/chat/${chatId}/approvals/${approvalId}`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ approved: true }),
  })
  expect(response.status, await response.text()).toBe(202)
}

const self = z.object({ self: z.string() })

/** Returns the index of the instance that owns the turn of a session. */
export async function ownerOf(stage: Stage, chatId: string): Promise<number> {
  const owner = await stage.redis.client.hget(sessionKey(chatId), 'owner')
  const ids = await Promise.all(
    stage.instances().map(async ({ url }) => {
      const response = await fetch(`${url}/api/admin/instances`)
      return self.parse(await response.json()).self
    }),
  )
  return ids.findIndex((id) => id === owner)
}
