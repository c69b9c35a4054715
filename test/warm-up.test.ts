/** Modules that load late must not delay the first request: a server loads them before it listens. */
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import { eventStream, upstream } from './fixtures/upstream.ts'
import { addressOf, endProcesses, startLoom } from './loom-process.ts'

afterEach(endProcesses)

const reporter = join(import.meta.dirname, 'fixtures/report-loads.ts')

const answer = ['{"choices":[{"delta":{"content":"Hello."},"finish_reason":"stop"}]}', '[DONE]']

describe('a server that has just started', () => {
  it.each([
    ['the demo model', 'demo/assistant'],
    ['an OpenAI-compatible model', 'local/some-model'],
  ])(
    'the first request with %s loads no module',
    async (_name, model) => {
      const { baseUrl } = await upstream((response) => {
        eventStream(response).end(answer.map((data) => `data: ${data}\n\n`).join(''))
      })
      const loom = startLoom({
        NODE_OPTIONS: `--import=${reporter}`,
        LOOM_MODEL: model,
        LOCAL_BASE_URL: baseUrl,
      })
      const url = await addressOf(loom)
      // undici loads its parser itself, with its first connection.
      const loaded = () => loom.output().stderr.match(/^loaded file:(?!.*\/undici\/).*$/gm) ?? []
      const before = loaded()
      expect(before.join('\n')).toContain('/src/runner.ts')
      const response = await fetch(`${url}/api/chat`, {
        method: 'POST',
        body: JSON.stringify({ message: 'Use calculator {"expr": "6*7"}' }),
      })
      expect(await response.text()).toContain('"type":"finish"')
      expect(loaded().slice(before.length)).toEqual([])
    },
    60_000,
  )
})
