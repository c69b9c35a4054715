/** `loom acp` with a scripted editor as its judge. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import type { SessionUpdate } from '@agentclientprotocol/sdk'
import { afterAll, describe, expect, it } from 'vitest'

import { folder, tidy } from '../cli/command.ts'
import { openScript, type ScriptedAnswer } from '../cli/scripted-upstream.ts'
import { type Editor, type EditorOptions, homeIn, openEditor } from './editor.ts'

interface Scene {
  editor: Editor
  cwd: string
  /** Starts another editor on the same project and state. */
  again: () => Promise<Editor>
  upstream: Awaited<ReturnType<typeof openScript>>
  /** The calls of the model for this test. */
  calls: () => Awaited<ReturnType<typeof openScript>>['calls']
}

type SceneOptions = Partial<EditorOptions> & {
  /** Whether other tests may use the process too. @defaultValue false */
  isShared?: boolean
}

interface OpenedScene extends Scene {
  answers: (string | ScriptedAnswer)[]
  asks: Pick<EditorOptions, 'decide' | 'fill'>
}

const scenes = new Map<string, OpenedScene>()
const closers: (() => PromiseLike<void>)[] = []

afterAll(async () => {
  for (const { editor } of scenes.values()) await editor.quit()
  await tidy()
  for (const close of closers.splice(0)) await close()
})

/** Opens an editor and a model that gives these answers. A start of the command takes most of the time of a test. */
async function open(
  answers: readonly (string | ScriptedAnswer)[],
  { isShared = false, decide, fill, ...options }: SceneOptions = {},
): Promise<Scene> {
  const key = JSON.stringify(options)
  const known = isShared ? scenes.get(key) : undefined
  const scene = known ?? (await openScene(options))
  if (isShared) scenes.set(key, scene)
  const { editor, upstream } = scene
  for (const list of [editor.updates, editor.permissions, editor.forms]) list.length = 0
  const before = upstream.calls.length
  scene.answers.length = before
  scene.answers.push(...answers)
  Object.assign(scene.asks, { decide, fill })
  return { ...scene, calls: () => upstream.calls.slice(before) }
}

async function openScene(options: Partial<EditorOptions>): Promise<OpenedScene> {
  const answers: (string | ScriptedAnswer)[] = []
  const asks: OpenedScene['asks'] = {}
  const upstream = await openScript(answers)
  closers.push(() => upstream[Symbol.asyncDispose]())
  const base = await folder()
  const cwd = join(base, 'project')
  await mkdir(cwd)
  const again = () =>
    openEditor({
      cwd,
      home: homeIn(base),
      environment: {
        LOOM_MODEL: 'stage/model',
        STAGE_BASE_URL: upstream.url,
        STAGE_API_KEY: 'key',
        LOOM_SANDBOX: 'none',
      },
      decide: (request) =>
        asks.decide === undefined ? request.options[0]?.optionId : asks.decide(request),
      fill: (request) => asks.fill?.(request) ?? { action: 'decline' },
      ...options,
    })
  const editor = await again()
  return { editor, cwd, again, upstream, answers, asks, calls: () => upstream.calls }
}

const toolUpdates = ({ updates }: Editor): SessionUpdate[] =>
  updates
    .map(({ update }) => update)
    .filter(({ sessionUpdate }) => sessionUpdate.startsWith('tool_call'))

const coder = { words: ['--agent', 'coder'], isShared: true }

describe('an editor', () => {
  it('learns the abilities of the agent, and chats', async () => {
    const { editor } = await open([
      { thoughts: ['Let me think.'], pieces: ['Hello', ' there.'] },
      'Again.',
    ])
    expect(editor.initialized).toMatchObject({
      protocolVersion: 1,
      agentInfo: { name: 'loom' },
      agentCapabilities: {
        loadSession: true,
        promptCapabilities: { image: true, embeddedContext: true },
        sessionCapabilities: { list: {}, resume: {}, delete: {}, close: {} },
      },
    })
    const id = await editor.begin()
    expect(await editor.say(id, 'Hi')).toBe('end_turn')
    expect(editor.textOf(id)).toBe('Hello there.')
    expect(editor.updates.map(({ update }) => update)).toContainEqual(
      expect.objectContaining({
        sessionUpdate: 'agent_thought_chunk',
        content: { type: 'text', text: 'Let me think.' },
      }),
    )
    expect(await editor.say(id, 'And?')).toBe('end_turn')
    expect(editor.textOf(id)).toBe('Hello there.Again.')
    expect(await editor.quit()).toBe(0)
    for (const line of editor.run.stdout.trim().split('\n')) {
      expect(JSON.parse(line)).toMatchObject({ jsonrpc: '2.0' })
    }
  })

  it('lists, loads, resumes and deletes sessions of an earlier process', async () => {
    const { editor, again, cwd } = await open(['Hello there.', 'Still here.'])
    const id = await editor.begin()
    await editor.say(id, 'Hi')
    await editor.quit()
    const second = await again()
    const { agent } = second.connection
    const { sessions } = await agent.request('session/list', { cwd })
    expect(sessions).toMatchObject([{ sessionId: id, cwd, title: 'Hi' }])
    await agent.request('session/load', { sessionId: id, cwd, mcpServers: [] })
    expect(second.updates.map(({ update }) => update)).toMatchObject([
      { sessionUpdate: 'user_message_chunk', content: { text: 'Hi' } },
      { sessionUpdate: 'agent_message_chunk', content: { text: 'Hello there.' } },
    ])
    await agent.request('session/close', { sessionId: id })
    await agent.request('session/resume', { sessionId: id, cwd })
    expect(await second.say(id, 'Still there?')).toBe('end_turn')
    expect(second.updates).toHaveLength(3)
    await agent.request('session/delete', { sessionId: id })
    expect(await agent.request('session/list', {})).toMatchObject({ sessions: [] })
    const load = agent.request('session/load', { sessionId: id, cwd, mcpServers: [] })
    await expect(load).rejects.toMatchObject({ code: -32002 })
    await second.quit()
  })

  it('sends files, links and images', async () => {
    const { editor, calls } = await open(['Seen.'], { isShared: true })
    const id = await editor.begin()
    await editor.connection.agent.request('session/prompt', {
      sessionId: id,
      prompt: [
        { type: 'text', text: 'Compare ' },
        { type: 'resource_link', name: 'a.ts', uri: 'file:///src/a.ts' },
        { type: 'resource', resource: { uri: 'file:///src/b.ts', text: 'const b = 2' } },
        { type: 'image', mimeType: 'image/png', data: 'iVBORw0KGgo=' },
      ],
    })
    const asked = JSON.stringify(calls()[0]?.messages)
    expect(asked).toContain('Compare [@a.ts](/src/a.ts)')
    expect(asked).toContain('const b = 2')
    expect(asked).toContain('data:image/png;base64,iVBORw0KGgo=')
  })

  it('cancels a prompt, and refuses another one beside it', async () => {
    const { editor, upstream } = await open(
      [{ pieces: ['One ', 'two'], heldAfter: 1 }, 'Next answer.'],
      { isShared: true },
    )
    const { agent } = editor.connection
    const id = await editor.begin()
    const answer = editor.say(id, 'Count')
    await editor.untilText(id, 'One')
    await expect(editor.say(id, 'Now')).rejects.toThrow('is running')
    await agent.notify('session/cancel', { sessionId: id })
    expect(await answer).toBe('cancelled')
    upstream.letGo()
    expect(await editor.say(id, 'Go on')).toBe('end_turn')
    await expect(editor.say('nobody', 'Hi')).rejects.toMatchObject({ code: -32002 })
    const relative = agent.request('session/new', { cwd: 'here', mcpServers: [] })
    await expect(relative).rejects.toMatchObject({ code: -32602 })
  })

  it('shows why an answer failed', async () => {
    const { editor } = await open(['Never.'], {
      environment: { LOOM_MODEL: 'stage/model', STAGE_BASE_URL: 'http://127.0.0.1:1/v1' },
    })
    const id = await editor.begin()
    await expect(editor.say(id, 'Hi')).rejects.toThrow(/./)
    await editor.quit()
  })

  it('ends with its signal', async () => {
    const { editor } = await open(['Hello.'])
    await editor.begin()
    editor.run.child.kill('SIGTERM')
    expect((await editor.run.ended).code).toBe(143)
  })
})

describe('the tools of the agent', () => {
  const edit = {
    name: 'edit_file',
    input: { path: 'notes.txt', edits: [{ old: 'two', new: 'TWO' }] },
  }
  const read = { name: 'read_file', input: { path: 'notes.txt' } }

  it('edit a file after a permission, with its diff', async () => {
    const { editor, cwd } = await open(
      [{ calls: [read] }, { calls: [edit] }, { calls: [edit] }, 'Edited.'],
      { ...coder, decide: () => 'once' },
    )
    await writeFile(join(cwd, 'notes.txt'), 'one\ntwo\nthree\n')
    const id = await editor.begin()
    expect(await editor.say(id, 'Shout')).toBe('end_turn')
    expect(await readFile(join(cwd, 'notes.txt'), 'utf8')).toBe('one\nTWO\nthree\n')
    const path = join(cwd, 'notes.txt')
    expect(editor.permissions[0]).toMatchObject({
      sessionId: id,
      toolCall: {
        title: 'edit_file notes.txt',
        kind: 'edit',
        status: 'pending',
        locations: [{ path }],
        rawInput: edit.input,
        content: [{ type: 'diff', path, oldText: 'two', newText: 'TWO' }],
      },
      options: [{ kind: 'allow_once' }, { kind: 'allow_always' }, { kind: 'reject_once' }],
    })
    const callId = editor.permissions[0]?.toolCall.toolCallId
    const ofCall = toolUpdates(editor).filter(
      (update) => 'toolCallId' in update && update.toolCallId === callId,
    )
    expect(ofCall[0]).toMatchObject({ sessionUpdate: 'tool_call', name: 'edit_file', kind: 'edit' })
    expect(ofCall.at(-1)).toMatchObject({
      sessionUpdate: 'tool_call_update',
      status: 'completed',
      content: [{ type: 'diff', path, oldText: 'one\ntwo\nthree', newText: 'one\nTWO\nthree' }],
      rawOutput: { replacements: 1 },
    })
    const reads = toolUpdates(editor).filter((update) => 'kind' in update && update.kind === 'read')
    expect(reads[0]).toMatchObject({ title: expect.stringContaining('read_file') })
  })

  it('run a command once it is always allowed, and not when it is rejected', async () => {
    const command = (text: string) => ({ calls: [{ name: 'bash', input: { command: text } }] })
    const choices = ['no', 'always']
    const { editor, cwd } = await open(
      [
        command('touch first'),
        'Refused.',
        command('touch second'),
        command('touch third'),
        'Done.',
      ],
      { ...coder, decide: () => choices.shift() },
    )
    const id = await editor.begin()
    await editor.say(id, 'One')
    await editor.say(id, 'Two')
    await expect(readFile(join(cwd, 'first'))).rejects.toThrow('ENOENT')
    expect(await readFile(join(cwd, 'third'), 'utf8')).toBe('')
    expect(editor.permissions).toHaveLength(2)
    expect(editor.permissions[0]?.toolCall).toMatchObject({ kind: 'execute' })
  })

  it('run without asking in the mode that allows everything', async () => {
    const { editor, cwd } = await open(
      [{ calls: [{ name: 'bash', input: { command: 'echo `hi` > a; cat a' } }] }, 'Done.'],
      coder,
    )
    const { agent } = editor.connection
    const { sessionId, modes, configOptions } = await agent.request('session/new', {
      cwd,
      mcpServers: [],
    })
    expect(modes?.currentModeId).toBe('ask')
    expect(configOptions?.[0]).toMatchObject({ id: 'model', currentValue: 'stage/model' })
    await agent.request('session/set_mode', { sessionId, modeId: 'allow' })
    await editor.say(sessionId, 'Go')
    expect(editor.permissions).toEqual([])
    const outputs = toolUpdates(editor).filter((update) => {
      return 'status' in update && update.status === 'completed'
    })
    expect(outputs[0]).toMatchObject({ content: [{ type: 'content' }] })
  })

  it('stop when the user cancels a permission', async () => {
    const asked = Promise.withResolvers<void>()
    const { editor } = await open(
      [{ calls: [{ name: 'bash', input: { command: 'touch never' } }] }, 'Next.'],
      {
        ...coder,
        decide: () => {
          asked.resolve()
          return undefined
        },
      },
    )
    const id = await editor.begin()
    const answer = editor.say(id, 'Go')
    await asked.promise
    await editor.connection.agent.notify('session/cancel', { sessionId: id })
    expect(await answer).toBe('cancelled')
  })
})

describe('a question of the agent', () => {
  const question = (options?: string[]) => ({
    calls: [{ name: 'human', input: { question: 'Which colour?', ...(options && { options }) } }],
  })
  const withHuman = { words: ['--tools', 'human'], isShared: true }

  it('is a form, if the editor has forms', async () => {
    const { editor, calls } = await open([question(['red', 'blue']), 'Blue it is.'], {
      ...withHuman,
      capabilities: { elicitation: { form: {} } },
      fill: () => ({ action: 'accept', content: { answer: 'blue' } }),
    })
    const id = await editor.begin()
    await editor.say(id, 'Paint')
    expect(editor.forms[0]).toMatchObject({
      mode: 'form',
      sessionId: id,
      message: 'Which colour?',
      requestedSchema: { properties: { answer: { type: 'string', enum: ['red', 'blue'] } } },
    })
    expect(JSON.stringify(calls()[1]?.messages.at(-1))).toContain('blue')
  })

  it('is a choice, if it has options and the editor has no forms', async () => {
    const { editor, calls } = await open([question(['red', 'blue']), 'Blue it is.'], {
      ...withHuman,
      decide: ({ options }) => options.find(({ name }) => name === 'blue')?.optionId,
    })
    const id = await editor.begin()
    await editor.say(id, 'Paint')
    expect(editor.permissions[0]?.toolCall.title).toBe('Which colour?')
    expect(JSON.stringify(calls()[1]?.messages.at(-1))).toContain('blue')
  })

  it('is answered by the next prompt, if it has no options', async () => {
    const { editor, calls } = await open([question(), 'Green it is.'], withHuman)
    const id = await editor.begin()
    expect(await editor.say(id, 'Paint')).toBe('end_turn')
    expect(editor.textOf(id)).toContain('Which colour?')
    expect(await editor.say(id, 'green')).toBe('end_turn')
    expect(editor.textOf(id)).toContain('Green it is.')
    expect(JSON.stringify(calls()[1]?.messages.at(-1))).toContain('green')
    expect(calls()).toHaveLength(2)
  })
})
