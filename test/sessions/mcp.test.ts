/** Calls of MCP clients whose instances die in mid-answer. */
import { expect, it } from 'vitest'

import { openClients, sessionIn, textIn } from '../mcp-server/clients.ts'
import { until } from '../redis/until.ts'
import { openStage, type Stage } from './stage.ts'

const message = 'steps: 2, hold'
const whole = 'Step 1: one two three. \n\nStep 2: one two three. '

const held = (stage: Stage) =>
  until(20_000, 'the model is cut off', () => stage.upstream.held === 1)

const storedRoles = async (url: string, session: string) => {
  const response = await fetch(`${url}/api/chat/${session}/messages`)
  const messages: { role: string }[] = JSON.parse(await response.text())
  return messages.map(({ role }) => role)
}

for (const [version, open] of openClients) {
  it(`a call of ${version} outlives the instances that make and hold it`, async () => {
    await using stage = await openStage()
    const urls = () => stage.instances().map(({ url }) => url)
    let target = 0
    const client = await open(urls()[0] ?? '', {
      fetch: (url, init) => {
        const base = urls()[target] ?? ''
        return fetch(new URL(new URL(url).pathname, base), init).catch((error: unknown) => {
          // As a load balancer does, after the failure of an instance.
          target = 1
          throw error
        })
      },
    })
    const args = { message, messageId: 'a-message' }
    const lost = new AbortController()
    const call = client.call('assistant', args, { signal: lost.signal }).catch(() => undefined)
    await held(stage)
    const { sessions } = JSON.parse(await (await fetch(`${urls()[1]}/api/chat`)).text())
    const session: string = sessions[0].id
    // This call is at the second instance, and the answer at the first one.
    const reader = await open(urls()[1] ?? '')
    const reading = reader.call('assistant', { session })
    await stage.instance(0).kill()
    target = 1
    stage.upstream.letGo()
    // A client of 2026-07-28 gives up and calls again. One of earlier revisions continues its stream.
    if (version === '2026-07-28') lost.abort()
    const result = (await call) ?? (await client.call('assistant', args))
    expect(textIn(result)).toBe(whole)
    expect(sessionIn(result)).toBe(session)
    expect(textIn(await reading)).toBe(textIn(result))
    expect(await storedRoles(urls()[1] ?? '', session)).toEqual(['user', 'assistant'])
    // One call for each step, and one more for the step that the death cut off.
    expect(stage.upstream.calls).toHaveLength(3)
  })
}
