/** The question of the default agent over HTTP, answered with `fetch` alone. */
import { afterEach, describe, expect, it } from 'vitest'

import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { openStage } from '../sessions/stage.ts'
import { stateOf } from '../sessions/tab.ts'

afterEach(endProcesses)

const wish = 'Ask me which colour I like: red or blue'
const id = 'a-chat'

/** The answer up to the question to the human. */
async function post(url: string, path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/api/chat${path}`, {
    method: 'POST',
    headers: { accept: 'application/json' },
    body: JSON.stringify(body),
  })
  return Object(await response.json())
}

/** The waiting call, as the client receives it. */
async function askedBy(url: string): Promise<string> {
  const { state, message } = await post(url, '', { id, message: wish })
  expect(state).toBe('waiting')
  const { parts = [] }: { parts?: Record<string, unknown>[] } = Object(message)
  const part = parts.find(({ type }) => type === 'tool-human')
  expect(part).toMatchObject({
    state: 'input-available',
    input: { question: 'Which colour do you like?', options: ['red', 'blue'] },
  })
  return String(part?.['toolCallId'])
}

const answered = { state: 'idle', text: 'You answered **blue**. Thank you.' }

describe('a question of the assistant', () => {
  it('waits in memory until a client answers its call', async () => {
    const url = await addressOf(startLoom({}))
    const toolCallId = await askedBy(url)
    expect(await stateOf(url, id)).toBe('waiting')
    expect(await post(url, `/${id}/tools/${toolCallId}`, { output: 'blue' })).toMatchObject(
      answered,
    )
  })

  it('waits in Redis for an answer at another instance', async () => {
    await using stage = await openStage({ environment: { LOOM_MODEL: 'demo/fast' } })
    const [asking, other] = [stage.instance(0), stage.instance(1)]
    const toolCallId = await askedBy(asking.url)
    await asking.kill()
    const path = `/${id}/tools/${toolCallId}`
    expect(await post(other.url, path, { output: 'blue' })).toMatchObject(answered)
    expect(await post(other.url, path, { output: 'red' })).toMatchObject({
      error: { code: 'refused' },
    })
  })

  it('refuses an output together with an error, and still waits', async () => {
    const url = await addressOf(startLoom({}))
    const path = `/${id}/tools/${await askedBy(url)}`
    expect(await post(url, path, { output: 'blue', errorText: 'No.' })).toMatchObject({
      error: { code: 'invalid-request' },
    })
    expect(await post(url, path, { output: 'blue' })).toMatchObject({ state: 'idle' })
  })

  it('becomes an error for the model if declined', async () => {
    const url = await addressOf(startLoom({}))
    const path = `/${id}/tools/${await askedBy(url)}`
    const { state, text } = await post(url, path, { errorText: 'The human has left.' })
    expect(state).toBe('idle')
    expect(text).toContain('The human has left.')
  })

  it('accepts an empty answer, and reports a missing default', async () => {
    const url = await addressOf(startLoom({}))
    const path = `/${id}/tools/${await askedBy(url)}`
    const { state, text } = await post(url, path, { output: ' ' })
    expect(state).toBe('idle')
    expect(text).toContain('The human gave no answer')
  })

  it('fails at once for a client of plain text', async () => {
    const url = await addressOf(startLoom({}))
    const response = await fetch(`${url}/api/chat?protocol=text`, {
      method: 'POST',
      body: JSON.stringify({ id, message: wish }),
    })
    expect(await response.text()).toContain('Nobody is there to answer')
    expect(await stateOf(url, id)).toBe('idle')
  })
})
