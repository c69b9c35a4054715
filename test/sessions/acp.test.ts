/** An editor follows an answer of another client, over the death of its owner. */
import { randomUUID } from 'node:crypto'

import { afterEach, expect, it } from 'vitest'

import { homeIn, openEditor } from '../acp/editor.ts'
import { folder, tidy } from '../cli/command.ts'
import { until } from '../redis/until.ts'
import { openRaw, resuming, textOf } from '../socket/socket-client.ts'
import { openStage } from './stage.ts'
import { cast } from './tab.ts'

afterEach(tidy)

it('an editor and a socket end with the text of the store when the owner is killed', async () => {
  await using stage = await openStage()
  const base = await folder()
  const id = randomUUID()
  const [owner, other] = [stage.instance(0), stage.instance(1)]
  await cast(owner.url, id, 'steps: 3, hold at 2')
  await until(20_000, 'the model is held', () => stage.upstream.held === 1)
  const editor = await openEditor({
    words: ['--url', other.url],
    cwd: base,
    home: homeIn(base),
    environment: {},
  })
  const { agent } = editor.connection
  await agent.request('session/load', { sessionId: id, cwd: base, mcpServers: [] })
  using socket = await openRaw(`${other.url}/api/chat`, id)
  socket.send(resuming(id, 'tab'))
  await until(20_000, 'the first call', () =>
    editor.updates.some(({ update }) => update.sessionUpdate === 'tool_call'),
  )
  await owner.kill()
  stage.upstream.letGo()
  await socket.next('the end', ({ type }) => type === 'end')
  const response = await fetch(`${other.url}/api/chat/${id}/messages?profile=v7`)
  const messages: { parts: { type: string; text?: string; state?: string; output?: unknown }[] }[] =
    JSON.parse(await response.text())
  const parts = messages.at(-1)?.parts ?? []
  const text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  await until(20_000, 'the end in the editor', () => editor.textOf(id) === text)
  expect(textOf(socket.frames, 'tab')).toBe(text)
  const outputs = editor.updates.flatMap(({ update }) =>
    update.sessionUpdate === 'tool_call_update' && update.status === 'completed'
      ? [update.rawOutput]
      : [],
  )
  expect(outputs).toEqual(
    parts.filter(({ output }) => output !== undefined).map((part) => part.output),
  )
  expect(outputs).toHaveLength(2)
  // The editor goes on with the conversation of the other client.
  const before = editor.textOf(id)
  expect(await editor.say(id, 'steps: 1')).toBe('end_turn')
  expect(editor.textOf(id).length).toBeGreaterThan(before.length)
  expect(await editor.quit()).toBe(0)
  expect(editor.run.stderr).toBe('')
})
