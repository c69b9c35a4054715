/**
 * One turn that is followed from two sides while something happens to its owner: by the tab that
 * asked, and by one that watches at another instance. In the end every side, and whoever loads the
 * page anew, must have one and the same message.
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
  /** What the tab that asked has been told so far. */
  seen: UIMessageChunk['type'][]
  asked: Answer
  watched: Answer
}

export interface TurnSides {
  /** Who is asked, and who is tried after that. */
  owner: { url: string }
  /** Where the watching tab is. */
  survivor: { url: string }
  /** @defaultValue 'steps: 10' */
  text?: string
  profile?: TabOptions['profile']
  /** @defaultValue a new one */
  chatId?: string
}

/** Settles when the turn runs and both tabs follow it. */
export async function beginTurn(sides: TurnSides): Promise<StagedTurn> {
  const { owner, survivor, text = 'steps: 10', profile = 'v7', chatId = randomUUID() } = sides
  const seen: StagedTurn['seen'] = []
  const asking = openTab({ urls: [owner.url, survivor.url], profile })
  const asked = asking.send(chatId, text, { onChunk: ({ type }) => seen.push(type) })
  await until(10_000, 'the turn begins', () => seen.length > 0)
  const watched = openTab({ urls: [survivor.url], resumes: false, profile }).reattach(chatId)
  return { chatId, profile, seen, asked, watched }
}

export const isOver = ({ seen }: StagedTurn) => seen.at(-1) === 'finish'

/** Settles when the tab that asked has been told so much. */
export const untilSeen = (turn: StagedTurn, events: number) =>
  until(10_000, `the turn is ${events} events far`, () => {
    return turn.seen.length >= events || isOver(turn)
  })

export const untilIdle = (url: string, chatId: string) =>
  until(10_000, 'the session is idle', async () => {
    // A server whose Redis is away says so.
    return (await stateOf(url, chatId).catch(() => undefined)) === 'idle'
  })

/** Waits for the end; what every side has must be what is stored. */
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

/** That a message is the whole answer to `steps: <steps>`, however it came about. */
export function expectWhole({ parts }: UIMessage, steps: number, label?: string): void {
  const calls = parts.filter(({ type }) => type === 'tool-calculator')
  expect(calls, label).toHaveLength(steps - 1)
  // Where a reply is not taken back, a call of which only the half was said stays, and was not run.
  const done = expect.objectContaining({ state: 'output-available' })
  const cutOff = { state: 'output-error', errorText: 'The tool call was cut off.' }
  expect(calls, label).toEqual(
    calls.map((call) =>
      'state' in call && call.state === 'output-error' ? expect.objectContaining(cutOff) : done,
    ),
  )
  expect(textOf({ parts }), label).toMatch(new RegExp(`Step ${steps}: one two three\\. $`))
}
