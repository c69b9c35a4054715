/** Halves of characters in a text that was cut by its length. Strict providers refuse them. */
import { expect, it } from 'vitest'

import { wellFormedJson } from '../src/model/well-formed.ts'
import { delta, done } from './fixtures/chat-streams.ts'
import { runWithServer } from './fixtures/run-with-server.ts'
import { eventStream } from './fixtures/upstream.ts'

const providers = {
  compatible: { model: 'mock/x' },
  Anthropic: {
    model: 'anthropic/claude-sonnet-4-6',
    environment: (root: string) => ({ ANTHROPIC_BASE_URL: root, ANTHROPIC_API_KEY: 'x' }),
  },
}

it.each(Object.entries(providers))(
  'half characters never reach a provider: %s',
  async (_, provider) => {
    const { asked } = await runWithServer(
      ({ response }) => {
        eventStream(response).end(delta({ content: 'Fine.' }, 'stop') + done)
      },
      {
        systemPrompt: 'cut \ud83d here, whole \ud83d\ude00, written \\ud83d',
        retry: { retries: 0 },
        ...provider,
      },
    )
    expect(asked[0]).toContain('cut \\ufffd here, whole \ud83d\ude00, written \\\\ud83d')
  },
)

it.each(['\udc00', 'a\ud800', '\ud800\ud800\udc00', '\\\ud800', '\\ud800', '"\ud8ab"\n'])(
  'half characters become replacement characters like in a decoder: %j',
  (text) => {
    expect(JSON.parse(wellFormedJson(JSON.stringify({ text })))).toEqual({
      text: text.toWellFormed(),
    })
  },
)
