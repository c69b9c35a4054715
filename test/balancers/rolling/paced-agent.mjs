/**
 * An agent for instances of every version: it imports nothing. Its model answers `turn 3 words 40`
 * with the words `3.0 3.1 … 3.39`, one in each pause. After a takeover it continues after the words
 * that the prompt already has.
 */
const wordMs = Number(process.env.PACED_WORD_MS)

const textOf = ({ content }) =>
  typeof content === 'string' ? content : content.map(({ text = '' }) => text).join('')

/** The runner asks for the rest of a reply with this message. */
const isNote = (message) =>
  message.role === 'user' && textOf(message).startsWith('Your reply was cut off')

function restOf(prompt) {
  const messages = prompt.filter((message) => !isNote(message))
  const end = messages.findLastIndex(({ role }) => role === 'user') + 1
  const [, turn, count] = /turn (\d+) words (\d+)/.exec(textOf(messages[end - 1]))
  const all = Array.from({ length: Number(count) }, (_, index) => `${turn}.${index} `)
  const sent = messages.slice(end).map(textOf).join('')
  return all.slice(sent.split(' ').length - 1)
}

async function* partsFor({ prompt, abortSignal }) {
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'text-start', id: 't' }
  for (const delta of restOf(prompt)) {
    await new Promise((resolve) => setTimeout(resolve, wordMs))
    abortSignal?.throwIfAborted()
    yield { type: 'text-delta', id: 't', delta }
  }
  yield { type: 'text-end', id: 't' }
  yield {
    type: 'finish',
    finishReason: { unified: 'stop', raw: 'stop' },
    usage: {
      inputTokens: { total: 10, noCache: 10, cacheRead: 0, cacheWrite: 0 },
      outputTokens: { total: 5, text: 5, reasoning: 0 },
    },
  }
}

export const paced = {
  name: 'paced',
  description: 'Says words at a fixed pace.',
  systemPrompt: 'Say the words.',
  model: {
    specificationVersion: 'v4',
    provider: 'paced',
    modelId: 'paced',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('This model only streams.')),
    doStream: async (options) => ({ stream: ReadableStream.from(partsFor(options)) }),
  },
}
