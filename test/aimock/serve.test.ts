/** `loom serve` in its default form, with its own agent and a provider from the environment. */
import { afterEach, describe, expect, test } from 'vitest'

import { within } from '../deadline.ts'
import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { until } from '../redis/until.ts'
import {
  apiKey,
  askedOf,
  calculates,
  environmentFor,
  expectPairedCalls,
  openStage,
  providers,
  says,
  script,
} from './stage.ts'

afterEach(endProcesses)

const post = (url: string, message: string) =>
  within(
    5000,
    'the head of the answer',
    fetch(`${url}/api/chat?protocol=text`, { method: 'POST', body: JSON.stringify({ message }) }),
  )

describe.each(providers.slice(0, 2))('a server with $name', ({ model }) => {
  test('the server retries, calculates, and hides its key', async () => {
    const { mock } = await openStage()
    script(
      mock,
      'sum',
      [{ error: { message: `Busy, ${apiKey}.` }, status: 529 }],
      [calculates('6 * 7')],
      [says('It is 42.')],
    )
    mock.on({}, { error: { message: `No, ${apiKey}.` }, status: 401 })
    const loom = startLoom({ ...environmentFor(mock.url), LOOM_MODEL: model })
    const url = await addressOf(loom)
    expect(await within(10_000, 'the sum', (await post(url, 'A sum?')).text())).toBe('It is 42.')
    expectPairedCalls(askedOf(mock))
    const refused = await fetch(`${url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ message: 'Anything else?' }),
    })
    const text = await within(10_000, 'the refusal', refused.text())
    expect(text).toContain('[redacted]')
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
    loom.child.kill('SIGTERM')
    expect(await loom.exited).toBe(0)
    const { stdout, stderr } = loom.output()
    expect(stdout).toContain(model)
    expect(stderr).toMatch(/^loom: model-failed: .*\[redacted\].*\n$/)
    expect(text + stdout + stderr).not.toContain(apiKey)
  })
})

test('SIGTERM finishes the running answer and refuses new ones', async () => {
  const { mock } = await openStage()
  const story = 'Once upon a time there was a server that was told to stop, and it did.'
  mock.on({}, says(story), { latency: 60 })
  const loom = startLoom({ ...environmentFor(mock.url), LOOM_MODEL: 'mock/large' })
  const url = await addressOf(loom)
  const answer = await post(url, 'A story.')
  if (answer.body === null) throw new Error('The answer has no body.')
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader.read()).value ?? ''
  loom.child.kill('SIGTERM')
  await until(5000, 'it is not ready', async () => (await fetch(`${url}/readyz`)).status === 503)
  const body = JSON.stringify({ message: 'Another.' })
  const refused = await fetch(`${url}/api/chat`, { method: 'POST', body })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1'])
  expect(text.length).toBeLessThan(story.length)
  for (;;) {
    const read = await within(5000, 'the next word', reader.read())
    if (read.done) break
    text += read.value
  }
  expect(text).toBe(story)
  expect(await loom.exited).toBe(0)
  expect(loom.output().stderr).toBe(
    'loom: unavailable: This instance takes no messages now: it is shutting down or drained. Send the request again; another instance will accept it.\n',
  )
})
