/**
 * The effect of a tool never happens again without the permission of its retry class, wherever its
 * server dies.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import type { UIMessage } from 'ai'
import { describe, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openLedger, type Point } from './ledger.ts'
import { openStage } from './stage.ts'
import { beginTurn, oneAnswer, type StagedTurn } from './staged-turn.ts'
import type { Upstream } from './upstream.ts'

const program = join(import.meta.dirname, 'effects-server.ts')

type Class = (typeof classes)[number]
const classes = ['never', 'safe', 'keyed'] as const

/** The place of the death, and the number of effects after it, by the retry class of the tool. */
const places: [killed: string, held: Point | undefined, effects: Record<Class, number>][] = [
  ['before it ran', 'before', { never: 0, safe: 1, keyed: 1 }],
  ['while it had its effect', 'effect', { never: 1, safe: 2, keyed: 2 }],
  ['when it was done, before its result was stored', 'done', { never: 1, safe: 2, keyed: 2 }],
  ['after its output was told', undefined, { never: 1, safe: 1, keyed: 1 }],
]

describe.each(classes)('a tool that is "%s" to be retried', (retry) => {
  it('runs as often as its class allows', async () => {
    await using ledger = await openLedger()
    await using stage = await openStage({ program, environment: { LEDGER_URL: ledger.url } })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turns = await Promise.all(
      places.map(async ([, point]) => {
        const chatId = randomUUID()
        const text = `steps: 2, tool: ${retry}, hold, for ${chatId}`
        if (point !== undefined) ledger.holdAt(chatId, point)
        const turn = await beginTurn({ owner, survivor, text, chatId })
        if (point !== undefined) await ledger.held(chatId)
        else await until(5000, 'the output', () => outputsIn(turn) === 3)
        return turn
      }),
    )
    await owner.kill()
    stage.upstream.letGo()
    for (const [index, turn] of turns.entries()) {
      const [killed, point, effects] = places[index] ?? ['', undefined, { [retry]: Number.NaN }]
      const stored = await oneAnswer(turn, survivor, killed)
      const keys = ledger.effectsOf(turn.chatId)
      const key = `${turn.chatId}:${stored.id}:call-1`
      expect(keys, killed).toEqual(Array.from({ length: effects[retry] }, () => key))
      const isUnknown = retry === 'never' && point !== undefined
      expect(partOf(stored), killed).toMatchObject(
        isUnknown
          ? { state: 'output-error', errorText: expect.stringContaining('unknown') }
          : { state: 'output-available', output: 'worked' },
      )
      // The tool writes the same data parts again, with the same ids.
      const written = stored.parts.filter(({ type }) => type === 'data-progress')
      if (!isUnknown) expect(written.map(idOf), killed).toEqual(['call-1-1', 'call-1-2'])
      const { prompt } = await promptOf(survivor.url, turn.chatId)
      const results = JSON.stringify(prompt.findLast(({ role }) => role === 'tool'))
      for (const told of [toldTo(stage.upstream, turn.chatId), results]) {
        expect(told, killed).toContain(isUnknown ? 'unknown' : 'worked')
        expect(told, killed).not.toContain('partial')
      }
    }
  })
})

/** The place of the death, and the effects: each step has its own key, and only the one under way is repeated. */
const stepPlaces: [held: Point, effects: string[]][] = [
  ['before', ['charge', 'invoice']],
  ['effect', ['charge', 'charge', 'invoice']],
  ['between', ['charge', 'invoice']],
  ['second', ['charge', 'invoice', 'invoice']],
  ['done', ['charge', 'invoice']],
]

describe('a tool with steps', () => {
  it('repeats no finished step after a death', async () => {
    await using ledger = await openLedger()
    await using stage = await openStage({ program, environment: { LEDGER_URL: ledger.url } })
    const [owner, survivor] = [stage.instance(0), stage.instance(1)]
    const turns = await Promise.all(
      stepPlaces.map(async ([point]) => {
        const chatId = randomUUID()
        ledger.holdAt(chatId, point)
        const text = `steps: 2, tool: steps, hold, for ${chatId}`
        const turn = await beginTurn({ owner, survivor, text, chatId })
        await ledger.held(chatId)
        return turn
      }),
    )
    await owner.kill()
    stage.upstream.letGo()
    for (const [index, turn] of turns.entries()) {
      const [killed, effects] = stepPlaces[index] ?? ['before', []]
      const stored = await oneAnswer(turn, survivor, killed)
      const key = `${turn.chatId}:${stored.id}:call-1`
      expect(ledger.effectsOf(turn.chatId), killed).toEqual(effects.map((name) => `${key}:${name}`))
      expect(partOf(stored), killed).toMatchObject({ output: 'worked: effect, second' })
      expect(toldTo(stage.upstream, turn.chatId)).toContain('worked: effect, second')
    }
  })
})

/** Tools with preliminary outputs, too. */
const outputsIn = ({ seen }: StagedTurn) =>
  seen.filter((type) => type === 'tool-output-available').length

/** The next prompt of the model. */
async function promptOf(url: string, chatId: string): Promise<{ prompt: { role: string }[] }> {
  const told: { prompt: { role: string }[] } = JSON.parse(
    await (await fetch(`${url}/api/chat/${chatId}/prompt`)).text(),
  )
  return told
}

const idOf = (part: object) => ('id' in part ? part.id : undefined)

const partOf = ({ parts }: UIMessage) => parts.find(({ type }) => type.startsWith('tool-'))

/** The result of the call in the last prompt. */
function toldTo({ calls }: Upstream, chatId: string): string {
  const call = calls.findLast(({ asked }) => asked.includes(chatId))
  return JSON.stringify(call?.messages.findLast(({ role }) => role === 'tool')?.content)
}
