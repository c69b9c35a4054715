/** The agent of `streams.ts`: its answer has a word in each pause, and no end. */
const wordMs = Number(process.env.STREAMS_WORD_MS)

async function* parts(signal) {
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'text-start', id: 't' }
  for (;;) {
    yield { type: 'text-delta', id: 't', delta: 'word ' }
    await new Promise((resolve) => setTimeout(resolve, wordMs))
    signal?.throwIfAborted()
  }
}

export const endless = {
  name: 'endless',
  description: 'Talks without end.',
  systemPrompt: 'Talk.',
  model: {
    specificationVersion: 'v4',
    provider: 'endless',
    modelId: 'endless',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('This model only streams.')),
    doStream: async ({ abortSignal }) => ({ stream: ReadableStream.from(parts(abortSignal)) }),
  },
}
