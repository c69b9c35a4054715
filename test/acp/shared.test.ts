/** An editor and other clients in one session of a server. */
import { randomUUID } from 'node:crypto'

import { afterEach, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'

import { defineAgent, defineTool } from '../../src/index.ts'
import { folder, tidy } from '../cli/command.ts'
import { calls, says, type Script, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { type Editor, type EditorOptions, homeIn, openEditor } from './editor.ts'

afterEach(tidy)

async function open(scripts: Script[], decide: EditorOptions['decide']) {
  const runs: string[] = []
  const remove = defineTool({
    name: 'remove',
    description: 'Removes a file',
    inputSchema: z.object({ path: z.string() }),
    needsApproval: true,
    execute: ({ path }) => void runs.push(path),
  })
  const model = scriptedModel(...scripts)
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', tools: [remove], model })
  const served = await openServed([agent], { LOOM_API_KEYS: 'a-secret-key' })
  onTestFinished(() => served[Symbol.asyncDispose]())
  const base = await folder()
  const editor = await openEditor({
    words: ['--url', served.url],
    cwd: base,
    home: homeIn(base),
    environment: { LOOM_API_KEY: 'a-secret-key' },
    ...(decide !== undefined && { decide }),
  })
  const id = randomUUID()
  const ask = async (path: string, body?: object) => {
    const headers = { authorization: 'Bearer a-secret-key', accept: 'application/json' }
    const posted = { method: 'POST', body: JSON.stringify(body) }
    const response = await fetch(`${served.api}${path}`, {
      headers,
      ...(body !== undefined && posted),
    })
    return { status: response.status, text: await response.text() }
  }
  return { editor, id, ask, runs, cwd: base }
}

const userTexts = ({ updates }: Editor): string[] =>
  updates.flatMap(({ update }) =>
    update.sessionUpdate === 'user_message_chunk' && update.content.type === 'text'
      ? [update.content.text]
      : [],
  )

const call = calls(['remove', { path: 'a' }])

it('the editor shows the messages of others and decides on their approvals', async () => {
  const { editor, id, ask, runs, cwd } = await open(
    [says('Hello.'), call, says('Removed.'), says('Bye.')],
    () => 'once',
  )
  const { agent } = editor.connection
  await ask('', { id, message: 'Hi' })
  expect(await agent.request('session/list', {})).toMatchObject({
    sessions: [{ sessionId: id, title: 'Hi' }],
  })
  await agent.request('session/load', { sessionId: id, cwd, mcpServers: [] })
  expect(editor.textOf(id)).toBe('Hello.')
  await ask('', { id, message: 'Clean up' })
  await editor.untilText(id, 'Removed.')
  expect(userTexts(editor)).toEqual(['Hi', 'Clean up'])
  expect(editor.permissions[0]?.toolCall).toMatchObject({ title: 'remove a', status: 'pending' })
  expect(runs).toEqual(['a'])
  expect(await editor.say(id, 'Thanks')).toBe('end_turn')
  // Nothing is shown twice, although two readers see the answer.
  expect(editor.textOf(id)).toBe('Hello.Removed.Bye.')
  expect(userTexts(editor)).toEqual(['Hi', 'Clean up'])
  expect(await editor.quit()).toBe(0)
})

it('the editor continues when another client has decided', async () => {
  const asked = Promise.withResolvers<string>()
  const { editor, ask, runs } = await open([call, says('Kept.'), says('Bye.')], (request) => {
    asked.resolve(request.toolCall.toolCallId)
    return new Promise(() => {})
  })
  const id = await editor.begin()
  const answer = editor.say(id, 'Clean up')
  await asked.promise
  const { waitsFor } = z
    .object({ waitsFor: z.array(z.object({ approvalId: z.string() })) })
    .parse(JSON.parse((await ask(`/${id}`)).text))
  await ask(`/${id}/approvals/${waitsFor[0]?.approvalId}`, { approved: false })
  expect(await answer).toBe('end_turn')
  expect(editor.textOf(id)).toBe('Kept.')
  expect(runs).toEqual([])
  expect(await editor.say(id, 'Thanks')).toBe('end_turn')
  expect(editor.textOf(id)).toBe('Kept.Bye.')
  expect(await editor.quit()).toBe(0)
})
