/** After any end of a turn, the store, the messages of the clients and the prompts agree. */
import type { LanguageModelV4Message, LanguageModelV4Prompt } from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { AgentEvent } from '../../src/event.ts'
import { encoderOf, type Profile, profiles } from '../../src/wire/frames.ts'
import { seenMessage } from '../../src/wire/frames/seen-message.ts'
import { type Client, clients, type Message } from '../clients.ts'
import { anyPlan, type Ended, type Plan, play, singlePlans } from './interrupted-turn.ts'

describe('an interrupted turn', () => {
  it.each(['kill', 'stop', 'stop and kill', 'hand-over'])(
    'by a %s has one record of calls at every entry',
    async (how) => {
      const plans = singlePlans.filter((single) => single.how === how)
      await Promise.all(plans.map(interruptEverywhere))
    },
    120_000,
  )

  it('has one record of calls, for any steps', async () => {
    await fc.assert(
      fc.asyncProperty(anyPlan, async (plan) => {
        await expectOneLedger(plan, await play(plan))
      }),
      { numRuns: 100 },
    )
  }, 300_000)
})

/** Once at each entry of the turn's log, up to its last entry. */
async function interruptEverywhere(plan: Omit<Plan, 'at'>): Promise<void> {
  for (let at = 1; ; at++) {
    const ended = await play({ ...plan, at })
    await expectOneLedger({ ...plan, at }, ended)
    if (!ended.wasInterrupted) return
  }
}

async function expectOneLedger(plan: Plan, ended: Ended): Promise<void> {
  const label = JSON.stringify(plan)
  const { stored, asked, next, runs } = ended
  expect(openCallsOf(stored), `${label}: stored as finished`).toEqual([])
  for (const [name, count] of runs) {
    if (/^(never|remove)/.test(name)) {
      const { length } = plan.steps.filter(({ calls }) => calls.includes(name))
      expect(count, `${label}: runs of ${name}`).toBeLessThanOrEqual(length)
    }
  }
  const outcomes = outcomesIn(stored)
  for (const prompt of [...asked, next.prompt]) {
    for (const [id, told] of resultsIn(prompt)) {
      expect([id, told], label).toEqual([id, expect.stringContaining(outcomes.get(id) ?? 'none')])
    }
  }
  expect([...resultsIn(next.prompt).keys()].sort(), label).toEqual([...outcomes.keys()].sort())
  const last = comparable(asked.at(-1) ?? [])
  expect(
    comparable(next.prompt).slice(0, last.length),
    `${label}: the history of the turn`,
  ).toEqual(last)
  await expectSeen(plan, ended)
}

// The store

const settledStates = ['output-available', 'output-error', 'output-denied']

function openCallsOf({ parts }: Ended['stored']): unknown[] {
  return parts.filter(
    (part) =>
      'toolCallId' in part &&
      (!settledStates.includes(part.state) || ('preliminary' in part && part.preliminary)),
  )
}

/** The outcome of each call in the store. */
function outcomesIn({ parts }: Ended['stored']): Map<string, string> {
  const outcomes = new Map<string, string>()
  for (const part of parts) {
    if (!('toolCallId' in part)) continue
    const { toolCallId, state, output, errorText } = { output: '', errorText: '', ...part }
    outcomes.set(toolCallId, state === 'output-available' ? textOf(output) : errorText)
  }
  return outcomes
}

/** The output of a sub-agent is shown whole, and the model gets its text. */
function textOf(output: unknown): string {
  if (typeof output === 'string') return output
  const isAnswer = typeof output === 'object' && output !== null && 'text' in output
  return isAnswer ? String(output.text) : JSON.stringify(output)
}

// Prompts

function resultsIn(prompt: LanguageModelV4Prompt): Map<string, string> {
  const results = new Map<string, string>()
  for (const { content } of prompt) {
    if (typeof content === 'string') continue
    for (const part of content) {
      if (part.type !== 'tool-result') continue
      const { output } = part
      const value = 'value' in output ? output.value : ''
      results.set(part.toolCallId, typeof value === 'string' ? value : JSON.stringify(value))
    }
  }
  return results
}

/**
 * Without the note of a partial reply, and with each denial in one form. The provider adds its own
 * results, which may come later, and a missing one is known only at the end of the turn. Calls of one
 * reply and their results have any order: a client may see a provider's call first.
 */
function comparable(prompt: LanguageModelV4Prompt): LanguageModelV4Message[] {
  const isNote = ({ role, content }: LanguageModelV4Message) =>
    role === 'user' && JSON.stringify(content).includes('Your reply was cut off')
  const isOwn = (part: object) => !('type' in part && part.type === 'tool-result')
  const idOf = (part: object) => ('toolCallId' in part ? String(part.toolCallId) : '')
  const told = prompt
    .filter((message) => !isNote(message))
    .map((message) => {
      const { role, content } = message
      const byId = (a: object, b: object) => idOf(a).localeCompare(idOf(b))
      if (role === 'assistant') return { role, content: content.filter(isOwn).toSorted(byId) }
      return role === 'tool' ? { role, content: content.toSorted(byId) } : message
    })
  const text = JSON.stringify(told)
  const denials =
    /\{"type":"(?:execution-denied|error-text)"(?:,"value":"Tool call execution denied\.")?\}/g
  const read: LanguageModelV4Message[] = JSON.parse(text.replaceAll(denials, '"denied"'))
  return read
}

// Clients

async function expectSeen({ floor }: Plan, { stored, events }: Ended): Promise<void> {
  for (const profile of profiles.filter((each) => each >= floor)) {
    for (const client of clients.filter((each) => canRead(each, profile, events))) {
      const seen = await readParts(client, events, profile)
      const label = `${client.name} as ${profile}`
      expect(shownOf(seen, client), label).toEqual(shownOf(seenMessage(stored, profile), client))
    }
  }
}

/**
 * Older clients have no ids of reasoning, keep a refused input in another field, and begin with
 * metadata. Every client keeps the open question of a call that failed before its approval; see `uiMessage`.
 */
function shownOf(message: Pick<Message, 'parts'>, { major }: Client): readonly object[] {
  const parts = message.parts.map(withoutOpenQuestion)
  if (major === 7) return parts
  return parts.map((part) => {
    const isThought = 'type' in part && part.type === 'reasoning'
    const isRefused = 'state' in part && part.state === 'output-error'
    const hidden = isThought ? { id: undefined } : { input: undefined, rawInput: undefined }
    return isThought || isRefused ? { ...part, ...hidden } : part
  })
}

function withoutOpenQuestion(part: object): object {
  if (!('approval' in part) || !('state' in part) || part.state !== 'output-error') return part
  const { approval, ...others } = part
  const isOpen = typeof approval === 'object' && approval !== null && !('approved' in approval)
  return isOpen ? others : part
}

/** A client applies its own answers itself, so after a question only ai 7 gets everything. */
function canRead(client: Client, profile: Profile, events: readonly AgentEvent[]): boolean {
  const { major, strict } = client
  if (strict || Number(profile.slice(1)) > major) return false
  const isAsked = events.filter(({ type }) => type === 'finish').length > 1
  if (isAsked) return profile === 'v7' && major === 7
  return !events.some(({ type }) => type === 'reset-step') || major === 7
}

/** Part by part, as the client receives them. The part after an answer continues the message. */
async function readParts(
  client: Client,
  events: readonly AgentEvent[],
  profile: Profile,
): Promise<Message> {
  const ends = events.flatMap(({ type }, index) => (type === 'finish' ? [index + 1] : []))
  let message: Message | undefined
  let from = 0
  for (const end of ends) {
    const { encode, last } = encoderOf('ui', profile)
    const sent = events
      .slice(from, end)
      .filter(({ type }) => type !== 'error')
      .map((event, index) => encode(event, `1-${index}.0`) ?? '')
    message = await client.read(sent.join('') + last, message)
    from = end
  }
  if (message === undefined) throw new Error('the log has no end')
  return message
}
