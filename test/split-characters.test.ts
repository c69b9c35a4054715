/** A character whose two halves (UTF-16 surrogates) arrive in two deltas, as escapes in JSON. */
import { afterEach, expect, test } from 'vitest'

import { delta, done } from './fixtures/chat-streams.ts'
import { runWithServer } from './fixtures/run-with-server.ts'
import { eventStream, upstream, writeAlone } from './fixtures/upstream.ts'
import { endProcesses, startLoom } from './loom-process.ts'
import { ofType } from './recorded-run.ts'

afterEach(endProcesses)

const half = (escape: string, field = 'content') =>
  delta({ [field]: 'HALF' }).replace('HALF', escape)
const stop = delta({}, 'stop') + done
const smile = delta({ content: 'Hi ' }) + half('\\ud83d') + half('\\ude00!')

test('a split character is sent in one piece', async () => {
  const wire = half('Hm \\ud83e', 'reasoning') + half('\\udd14', 'reasoning') + smile + stop
  const { events, result, message } = await runWithServer(async ({ response }) => {
    eventStream(response)
    for (const event of wire.split(/(?<=\n\n)/)) {
      response.write(event)
      await new Promise((resolve) => setImmediate(resolve))
    }
    response.end()
  })
  expect(result.text).toBe('Hi 😀!')
  expect(message.parts).toMatchObject([
    { type: 'step-start' },
    { type: 'reasoning', text: 'Hm 🤔' },
    { type: 'text', text: 'Hi 😀!' },
  ])
  const deltas = [...ofType(events, 'text-delta'), ...ofType(events, 'reasoning-delta')]
  expect(deltas.filter(({ delta }) => !delta.isWellFormed() || delta === '')).toEqual([])
})

test('half a character becomes a replacement character', async () => {
  const { result, message } = await runWithServer(({ response }) => {
    eventStream(response).end(delta({ content: 'Hi ' }) + half('\\ud83d') + stop)
  })
  expect(result.text).toBe('Hi \uFFFD')
  expect(message.parts.at(-1)).toMatchObject({ text: 'Hi \uFFFD' })
})

test('a split character is written to a terminal unchanged', async () => {
  const { baseUrl } = await upstream((response) => {
    const write = async () => {
      eventStream(response)
      for (const event of (smile + stop).split(/(?<=\n\n)/)) await writeAlone(response, event)
      response.end()
    }
    write().catch(() => response.destroy())
  })
  const loom = startLoom(
    { MOCK_BASE_URL: baseUrl, MOCK_API_KEY: 'x', LOOM_MODEL: 'mock/x', LOOM_MODELS_URL: 'none' },
    ['Hi'],
  )
  expect(await loom.exited, loom.output().stderr).toBe(0)
  expect(loom.output().stdout).toContain('Hi 😀!')
})
