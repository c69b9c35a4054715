/**
 * A model's stream that breaks in the middle of an answer. ai 7.0.70 and later can withdraw the
 * step. In all other clients the text stays, and the answer continues after it.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'

import { calls, says, type Script, words } from '../scripted-model.ts'
import { sdks } from './chat-client.ts'
import { openServer } from './live-server.ts'
import { outlineOf } from './plain.ts'
import { openPlayer } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'
import { openAgent } from './test-agent.ts'

interface Scene {
  /** The content of the stream when it broke. */
  fact: string
  replies: Script[]
  kept: string[]
  withdrawn: string[]
}

const thought: LanguageModelV4StreamPart[] = [
  { type: 'reasoning-start', id: 'r' },
  { type: 'reasoning-delta', id: 'r', delta: 'Hm.' },
]
const halfCall: LanguageModelV4StreamPart[] = [
  { type: 'tool-input-start', id: 'call-w', toolName: 'weather' },
  { type: 'tool-input-delta', id: 'call-w', delta: '{"ci' },
]
const wholeCall: LanguageModelV4StreamPart = {
  type: 'tool-call',
  toolCallId: 'call-w',
  toolName: 'weather',
  input: '{"city":"Oslo"}',
}

const scenes: readonly Scene[] = [
  {
    fact: 'a text',
    replies: [words('Half an '), says('A whole answer.')],
    kept: ['step-start', 'text Half an ', 'step-start', 'text A whole answer.'],
    withdrawn: ['step-start', 'text A whole answer.'],
  },
  {
    fact: 'a text, twice',
    replies: [words('Half an '), words('Half another '), says('A whole answer.')],
    kept: [
      'step-start',
      'text Half an ',
      'step-start',
      'text Half another ',
      'step-start',
      'text A whole answer.',
    ],
    withdrawn: ['step-start', 'text A whole answer.'],
  },
  {
    fact: 'a thought and half a call, after a finished step',
    replies: [
      calls(['clock', {}]),
      [...thought, ...words('I look. '), ...halfCall],
      says('A whole answer.'),
    ],
    kept: [
      'step-start',
      'tool-clock output-available',
      'step-start',
      'reasoning Hm.',
      'text I look. ',
      'tool-weather output-error The tool call was cut off before its input was whole.',
      'step-start',
      'text A whole answer.',
    ],
    withdrawn: ['step-start', 'tool-clock output-available', 'step-start', 'text A whole answer.'],
  },
  {
    fact: 'no content',
    replies: [[], says('A whole answer.')],
    kept: ['step-start', 'text A whole answer.'],
    withdrawn: ['step-start', 'text A whole answer.'],
  },
  {
    fact: 'a complete call',
    replies: [[...words('I look. '), wholeCall], says('A whole answer.')],
    kept: [
      'step-start',
      'text I look. ',
      'tool-weather output-available',
      'step-start',
      'text A whole answer.',
    ],
    withdrawn: [
      'step-start',
      'text I look. ',
      'tool-weather output-available',
      'step-start',
      'text A whole answer.',
    ],
  },
]

expectQuiet()

for (const sdk of sdks) {
  for (const profile of [undefined, `v${sdk.major}`] as const) {
    // The first releases of ai 7 cannot withdraw a step.
    if (profile === 'v7' && sdk.strict) continue
    describe(`${sdk.name} with ${profile ?? 'no'} profile sees one message after a break in`, () => {
      for (const { fact, replies, kept, withdrawn } of scenes) {
        it(fact, async () => {
          const retry = { retries: 3, initialDelayMs: 1 }
          const { agent } = openAgent([...replies, says('Indeed.')], { retry })
          await using server = await openServer([agent])
          const { player, exchanges } = openPlayer(sdk, server.api, profile)
          await player.say('a turn', { text: 'Go.' })
          expect(outlineOf(player.last)).toEqual(profile === 'v7' ? withdrawn : kept)
          await player.say('the next turn', { text: 'Really?' })
          expect(outlineOf(player.last)).toEqual(['step-start', 'text Indeed.'])
          for (const exchange of exchanges) await readByAll(exchange, profile)
        })
      }
    })
  }
}
