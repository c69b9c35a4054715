/**
 * One conversation with everything that a client can see of an agent. Any client can play it. The
 * turn with approvals is the last one, because ai 5 must leave it out.
 */
import { once } from 'node:events'

import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { expect } from 'vitest'

import { calls, finish, says, type Script, words } from '../scripted-model.ts'
import type { Player } from './player.ts'

export interface Turn {
  name: string
  /** The answers of the model, call by call. */
  replies: Script[]
  play: (player: Player, turn: string) => Promise<void>
}

const image = {
  type: 'file' as const,
  mediaType: 'image/png',
  filename: 'sky.png',
  url: 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==',
}

const providerMetadata = { acme: { signature: 'c2lnbmVk' } }

/** Reasoning, a text and a tool call, in deltas of one letter. */
const thinksAndCalls: LanguageModelV4StreamPart[] = [
  { type: 'stream-start', warnings: [] },
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'The sky ' },
  { type: 'reasoning-delta', id: 'r', delta: 'is blue.' },
  { type: 'reasoning-end', id: 'r', providerMetadata },
  ...words('Let me look. '),
  { type: 'text-end', id: 'txt-0' },
  { type: 'tool-input-start', id: 'call-w', toolName: 'weather' },
  ...['{"ci', 'ty":"O', 'slo"}'].map((delta) => ({
    type: 'tool-input-delta' as const,
    id: 'call-w',
    delta,
  })),
  { type: 'tool-input-end', id: 'call-w' },
  {
    type: 'tool-call',
    toolCallId: 'call-w',
    toolName: 'weather',
    input: '{"city":"Oslo"}',
    providerMetadata,
  },
  finish('tool-calls'),
]

const showsAndTells: LanguageModelV4StreamPart[] = [
  { type: 'source', sourceType: 'url', id: 'u1', url: 'https://example.com/sky', title: 'Sky' },
  {
    type: 'source',
    sourceType: 'document',
    id: 'd1',
    mediaType: 'application/pdf',
    title: 'Clouds',
    filename: 'clouds.pdf',
  },
  { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'iVBORw0KGgo=' } },
  ...words('It is "mild" — 21 °C 🌤.\n'),
  { type: 'text-end', id: 'txt-0', providerMetadata },
  finish(),
]

/** Waits until the client leaves. */
const neverEnds: Script = async function* (signal) {
  yield* words('As I was ')
  yield { type: 'tool-input-start', id: 'call-w', toolName: 'weather' }
  yield { type: 'tool-input-delta', id: 'call-w', delta: '{"city":"Ber' }
  await once(signal, 'abort')
}

const failsAfter = (text: string): Script =>
  async function* () {
    yield* words(text)
    throw new Error('the wire was cut')
  }

export const turns: readonly Turn[] = [
  {
    name: 'tools',
    replies: [
      thinksAndCalls,
      calls(['weather', { city: 'Bergen' }], ['clock', {}], ['lookup', { term: 'fjord' }]),
      calls(['broken', {}], ['add', { a: 'one' }], ['add', '{"a":'], ['teleport', { to: 'Mars' }]),
      calls(['add', { a: 1 }], ['stumble', {}]),
      showsAndTells,
    ],
    async play(player, turn) {
      await player.say(turn, { text: 'What is it like outside?', files: [image] })
      expect(player.toolParts('weather')).toHaveLength(2)
      expect(player.parts.map(({ state }) => state)).not.toContain('streaming')
    },
  },
  {
    name: 'a sub-agent',
    replies: [calls(['researcher', { prompt: 'Oslo?' }]), says('The researcher says: mild.')],
    async play(player, turn) {
      await player.say(turn, { text: 'Have it looked up.' })
      expect(player.toolParts('researcher')).toMatchObject([
        { state: 'output-available', output: { text: 'Oslo is mild.', steps: 2 } },
      ])
    },
  },
  {
    name: 'client tools',
    replies: [
      [
        ...words('Two questions. '),
        { type: 'text-end', id: 'txt-0' },
        ...calls(
          ['ask', { question: 'Where?' }, 'call-a'],
          ['weather', { city: 'Oslo' }, 'call-b'],
          ['ask', { question: 'When?' }, 'call-c'],
        ),
      ],
      calls(['ask', { question: 'Sure?' }]),
      says('So be it.'),
    ],
    async play(player, turn) {
      await player.say(turn, { text: 'Ask me.' })
      await player.answer(`${turn}: the first answer`, 0, 'here')
      await player.refuse(`${turn}: the second answer`, 1, 'the user left', { index: 1 })
      await player.answer(`${turn}: the third answer`, 1, 'yes', { index: 2 })
      expect(player.parts.at(-1)).toMatchObject({ text: 'So be it.', state: 'done' })
    },
  },
  {
    name: 'failures',
    replies: [new Error('the model is out'), failsAfter('Half an '), says('A whole answer.')],
    async play(player, turn) {
      await player.fail(`${turn}: at once`, { text: 'Can you hear me?' }, /the model is out/)
      await player.fail(`${turn}: half way`, { text: 'And now?' }, /the wire was cut/)
      await player.say(`${turn}: mended`, { text: 'Still there?' })
    },
  },
  {
    name: 'a stop',
    replies: [neverEnds, says('Go on, then.')],
    async play(player, turn) {
      await player.stop(turn, { text: 'Tell me a long story.' }, 'Ber')
      await player.say(`${turn}: afterwards`, { text: 'I interrupted you.' })
    },
  },
  {
    name: 'second thoughts',
    replies: [says('Another answer.'), says('To an earlier one.'), says('To another question.')],
    async play(player, turn) {
      await player.regenerate(`${turn}: regenerated`)
      await player.regenerate(`${turn}: an earlier one`, -3)
      await player.edit(`${turn}: edited`, 'Have it looked up later.')
    },
  },
]

export const approvals: Turn = {
  name: 'approvals',
  replies: [
    calls(['remove', { path: '/a' }, 'call-a'], ['remove', { path: '/b' }, 'call-b']),
    calls(['remove', { path: '/locked' }], ['ask', { question: 'Why?' }]),
    says('One is gone.'),
    says('You are welcome.'),
  ],
  async play(player, turn) {
    await player.say(turn, { text: 'Clean up.' })
    await player.decide(`${turn}: one approved`, 0, true)
    await player.decide(`${turn}: one denied`, 1, false, { index: 1 })
    await player.decide(`${turn}: one that will fail`, 0, true, { index: 2 })
    await player.answer(`${turn}: and an answer beside it`, 1, 'room')
    expect(player.toolParts('remove').map(({ state }) => state)).toEqual([
      'output-available',
      'output-denied',
      'output-error',
    ])
    await player.say(`${turn}: afterwards`, { text: 'Thank you.' })
  },
}
