/** Calls of MCP clients whose instance dies in mid-answer. */
import { expect, it } from 'vitest'

import { openClients, sessionIn, textIn } from '../mcp-server/clients.ts'
import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'

const whole = 'Step 1: one two three. \n\nStep 2: one two three. '

it('calls of all revisions outlive the instance that makes and holds them', async () => {
  await using stage = await openStage()
  const [one, two] = [stage.instance(0).url, stage.instance(1).url]
  let target = one
  const begun = await Promise.all(
    openClients.map(async ([version, open]) => {
      const client = await open(one, {
        // As a load balancer does, which knows the instances that are alive.
        fetch: (url, init) => fetch(new URL(new URL(url).pathname, target), init),
      })
      const args = { message: `steps: 2, hold, ${version}`, messageId: version }
      const lost = new AbortController()
      const call = client.call('assistant', args, { signal: lost.signal }).catch(() => undefined)
      return { version, client, args, call, lost }
    }),
  )
  await until(20_000, 'the model is cut off', () => stage.upstream.held === 2)
  const { sessions } = JSON.parse(await (await fetch(`${two}/api/chat`)).text())
  // These calls are at the second instance, and the answers at the first one.
  const reading = begun.map(async ({ version }) => {
    const { id } = sessions.find(({ title }: { title: string }) => title.includes(version))
    const reader = await openClients[0]?.[1](two)
    return { id, result: await reader?.call('assistant', { session: id }) }
  })
  await stage.instance(0).kill()
  target = two
  stage.upstream.letGo()
  for (const [index, { version, client, args, call, lost }] of begun.entries()) {
    // A client of 2026-07-28 gives up and calls again. One of earlier revisions continues its stream.
    if (version === '2026-07-28') lost.abort()
    const result = (await call) ?? (await client.call('assistant', args))
    const read = await reading[index]
    expect(textIn(result)).toBe(whole)
    expect(sessionIn(result)).toBe(read?.id)
    expect(read?.result && textIn(read.result)).toBe(whole)
    const response = await fetch(`${two}/api/chat/${read?.id}/messages`)
    const messages: { role: string }[] = JSON.parse(await response.text())
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
    // One call for each step, and one more for the step that the death cut off.
    const asked = stage.upstream.calls.filter((each) => each.asked.includes(version))
    expect(asked).toHaveLength(3)
  }
})
