/**
 * After the death of an owner, the next one runs with the same principal and the same context: the model
 * gets the same prompt and tools, and the tools get the same user.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import type { UIMessage } from 'ai'
import { expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage } from './stage.ts'
import { userMessage } from './world.ts'

const program = join(import.meta.dirname, 'principal-server.ts')

const context = { theme: 'dark', role: 'admin' }
const asAdmin = { prompt: JSON.stringify(context), tools: ['ask', 'look', 'remove'] }
/** The facts of a tool call. */
const factsIn = (sessionId: string) => ({ context, principal: 'ada', sessionId })

interface Reply {
  status: number
  message: UIMessage
  state: string
}

/** Requests of a user to one server. Without a role, its `contextOf` has nothing to add. */
function clientOf(
  { url }: { url: string },
  { user = 'ada', role }: { user?: string; role?: string },
) {
  const headers = { 'x-user': user, ...(role !== undefined && { 'x-role': role }) }
  const get = async <VALUE>(path: string): Promise<VALUE> =>
    JSON.parse(await (await fetch(`${url}/api/chat/${path}`, { headers })).text())
  const send = async (path: string, body: object, more = {}): Promise<Reply> => {
    const response = await fetch(`${url}/api/chat${path}`, {
      method: 'POST',
      headers: { accept: 'application/json', ...headers, ...more },
      body: JSON.stringify(body),
    })
    return { ...JSON.parse(await response.text()), status: response.status }
  }
  return {
    send,
    cast: (body: object) => send('', body, { prefer: 'respond-async' }),
    messages: (id: string) => get<UIMessage[]>(`${id}/messages`),
    async untilState(id: string, state: string) {
      await until(20_000, `the session is ${state}`, async () => {
        return (await get<{ state?: string }>(id)).state === state
      })
    },
  }
}

const ask = (id: string, wish: string) => ({
  id,
  // The role of the client counts for nothing.
  context: { theme: 'dark', role: 'owner' },
  messages: [userMessage(`${wish}, for ${id}`)],
})

const partOf = (messages: readonly UIMessage[], name: string) =>
  messages.at(-1)?.parts.find(({ type }) => type === `tool-${name}`)

it('a killed owner leaves context, tools and principal to the next one', async () => {
  await using stage = await openStage({ program })
  const [owner, survivor] = [stage.instance(0), stage.instance(1)]
  const admin = clientOf(owner, { role: 'admin' })
  const [approved, answered] = [randomUUID(), randomUUID()]
  const [cut, edited] = [randomUUID(), randomUUID()]
  const asked = await admin.send('', ask(approved, 'steps: 2, tool: remove'))
  expect(asked).toMatchObject({ status: 200, state: 'waiting' })
  await admin.cast(ask(answered, 'steps: 2, tool: ask'))
  await admin.cast(ask(cut, 'steps: 2, tool: look, hold at 1'))
  await admin.cast(ask(edited, 'steps: 1'))
  await Promise.all([
    admin.untilState(answered, 'waiting'),
    admin.untilState(edited, 'idle'),
    until(20_000, 'the model is cut off', () => stage.upstream.held === 1),
  ])
  await owner.kill()
  stage.upstream.letGo()

  // In the middle of an answer.
  const ada = clientOf(survivor, {})
  await ada.untilState(cut, 'idle')
  expect(partOf(await ada.messages(cut), 'look')).toMatchObject({ output: factsIn(cut) })

  // While it waited for an approval, and for an answer. The role of a later request changes nothing.
  const asUser = clientOf(survivor, { role: 'user' })
  const part = partOf([asked.message], 'remove')
  const approval = part !== undefined && 'approval' in part ? part.approval : undefined
  const decision = `/${approved}/approvals/${approval?.id}`
  const stranger = clientOf(survivor, { user: 'bob', role: 'admin' })
  expect((await stranger.send(decision, { approved: true })).status).toBe(404)
  const removed = await asUser.send(decision, { approved: true })
  expect(removed).toMatchObject({ status: 200, state: 'idle' })
  expect(partOf([removed.message], 'remove')).toMatchObject({ output: factsIn(approved) })
  const told = await asUser.send(`/${answered}/tools/call-1`, { output: 'yes' })
  expect(told).toMatchObject({ status: 200, state: 'idle' })

  // After a fork, an edit and a regeneration. The server makes its part of the context for each message.
  const next = clientOf(survivor, { role: 'admin' })
  const fork = randomUUID()
  expect(await next.send(`/${edited}/fork`, { id: fork })).toMatchObject({ status: 201 })
  const looked = await next.send('', {
    id: fork,
    messages: [userMessage(`steps: 2, tool: look, for ${fork}`)],
  })
  expect(partOf([looked.message], 'look')).toMatchObject({ output: factsIn(fork) })
  const [first] = await next.messages(edited)
  const question = userMessage(`steps: 2, tool: look, for ${edited}`, first?.id)
  const edit = { id: edited, messageId: question.id, messages: [question] }
  const again = await next.send('', edit)
  expect(partOf([again.message], 'look')).toMatchObject({ output: factsIn(edited) })
  const regenerated = await next.send('', {
    id: edited,
    trigger: 'regenerate-message',
    messageId: again.message.id,
    messages: [question],
  })
  expect(partOf([regenerated.message], 'look')).toMatchObject({ output: factsIn(edited) })

  for (const id of [cut, approved, answered, fork, edited]) {
    const calls = stage.upstream.calls.filter(({ asked: wish }) => wish.includes(id))
    expect(calls.length).toBeGreaterThan(1)
    for (const { messages, tools } of calls) {
      expect({ prompt: messages[0]?.content, tools }).toEqual(asAdmin)
    }
    expect(calls.at(-1)?.key).toBe(survivor.key)
  }
})
