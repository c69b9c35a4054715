/**
 * One turn with two readers while its owner is interrupted: the tab that posted, and one that watches
 * at another instance. At the end, both of them and a reloaded page must have the same message.
 */
import { randomUUID } from 'node:crypto'

import type { UIMessage, UIMessageChunk } from 'ai'
import { expect } from 'vitest'

import { until } from '../redis/until.ts'
import { type Answer, messagesOf, openTab, stateOf, type TabOptions } from './tab.ts'
import { textOf } from './world.ts'

export interface StagedTurn {
  chatId: string
  profile: TabOptions['profile']
  /** The parts that the posting tab has received so far. */
  seen: UIMessageChunk['type'][]
  asked: Answer
  watched: Answer
}

export interface TurnSides {
  /** The instance for the post, and the one for the next attempts. */
  owner: { url: string }
  /** The instance of the watching tab. */
  survivor: { url: string }
  /** @defaultValue 'steps: 10' */
  text?: string
  profile?: TabOptions['profile']
  /** @defaultValue a new one */
  chatId?: string
  /** Whether the posting tab returns after a lost connection. @defaultValue true */
  resumes?: boolean
  /** The same for the watching tab. Behind a balancer it may be at the owner. @defaultValue false */
  watcherResumes?: boolean
}

/** Waits until the turn runs and both tabs follow it. */
export async function beginTurn(sides: TurnSides): Promise<StagedTurn> {
  const { owner, survivor, text = 'steps: 10', profile = 'v7', chatId = randomUUID() } = sides
  const { resumes = true, watcherResumes = false } = sides
  const seen: StagedTurn['seen'] = []
  const asking = openTab({ urls: [owner.url, survivor.url], resumes, profile })
  const asked = asking.send(chatId, text, { onChunk: ({ type }) => seen.push(type) })
  await until(10_000, 'the turn begins', () => seen.length > 0)
  const watching = openTab({ urls: [survivor.url], resumes: watcherResumes, profile })
  const watched = watching.reattach(chatId)
  return { chatId, profile, seen, asked, watched }
}

export const isOver = ({ seen }: StagedTurn) => seen.at(-1) === 'finish'

/** Waits until the posting tab has received this number of parts. */
export const untilSeen = (turn: StagedTurn, events: number) =>
  until(10_000, `the turn is ${events} events far`, () => {
    return turn.seen.length >= events || isOver(turn)
  })

export const untilIdle = (url: string, chatId: string) =>
  until(10_000, 'the session is idle', async () => {
    // A server without Redis answers with an error.
    return (await stateOf(url, chatId).catch(() => undefined)) === 'idle'
  })

/** Waits for the end. Both sides must equal the stored message. */
export async function oneAnswer(
  { chatId, profile, asked, watched }: StagedTurn,
  survivor: { url: string },
  label?: string,
): Promise<UIMessage> {
  const [mine, theirs] = await Promise.all([asked.message, watched.message])
  await untilIdle(survivor.url, chatId)
  const stored = (await messagesOf(survivor.url, chatId, profile)).at(-1)
  if (stored === undefined) throw new Error(`nothing was stored ${label}`)
  expect(mine, label).toEqual(stored)
  expect(theirs, label).toEqual(stored)
  return stored
}

/** Checks that a message is the whole answer to `steps: <steps>`. */
export function expectWhole({ parts }: UIMessage, steps: number, label?: string): void {
  const calls = parts.filter(({ type }) => type === 'tool-calculator')
  expect(calls, label).toHaveLength(steps - 1)
  // If a reply is not withdrawn, its partial call stays, and did not run.
  const done = expect.objectContaining({ state: 'output-available' })
  const cutOff = { state: 'output-error', errorText: 'The tool call was cut off.' }
  expect(calls, label).toEqual(
    calls.map((call) =>
      'state' in call && call.state === 'output-error' ? expect.objectContaining(cutOff) : done,
    ),
  )
  expect(textOf({ parts }), label).toMatch(new RegExp(`Step ${steps}: one two three\\. $`))
}
