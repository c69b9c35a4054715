/** Tasks on real servers that ask a human: the answers come through the root, from pages and from plain requests. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fieldOf } from '../../src/ground/fields.ts'
import { type HookSdk, hookSdks } from '../clients/hook-client.ts'
import { openRecorder } from '../clients/live-server.ts'
import { until } from '../redis/until.ts'
import type { StageInstance } from '../sessions/stage.ts'
import { cast, messagesOf, stateOf } from '../sessions/tab.ts'
import { type Forest, getJson, openForest, tasksOf } from './forest.ts'
import { type Plan, promptOf } from './plan.ts'

const ask = (question: string) => ({ tool: 'human', input: { question } })

/** Two checkers at the third level that wait at the same time: one for an answer, one for an approval. */
const twoQuestions = (id: string): Plan => ({
  id,
  steps: [
    [
      {
        tool: 'researcher',
        plan: {
          id: `${id}-1`,
          steps: [
            [
              {
                tool: 'checker',
                plan: { id: `${id}-1a`, steps: [[ask('Which?')], [{ tool: 'safe' }]] },
              },
              { tool: 'checker', plan: { id: `${id}-1b`, steps: [[{ tool: 'pay' }]] } },
            ],
          ],
        },
      },
    ],
  ],
})

interface Waiting {
  toolCallId: string
  toolName: string
  approvalId?: string
}

const waitsFor = async (url: string, chatId: string): Promise<Waiting[]> =>
  (await getJson<{ waitsFor?: Waiting[] }>(`${url}/api/chat/${chatId}`)).waitsFor ?? []

const untilWaiting = (url: string, chatId: string, count: number) =>
  until(20_000, 'the root waits', async () => {
    const state = await stateOf(url, chatId).catch(() => undefined)
    return state === 'waiting' && (await waitsFor(url, chatId)).length === count
  })

/** Ends all instances, and starts new ones. */
async function replaceAll(signal: keyof typeof ends) {
  const { stage } = forest
  await Promise.all([0, 1].map((index) => ends[signal](stage.instance(index))))
  await Promise.all([0, 1].map((index) => stage.start(index)))
}

const ends = {
  SIGTERM: (instance: StageInstance) => instance.terminate().gone,
  SIGKILL: (instance: StageInstance) => instance.kill(),
}

async function expectAnswered(chatId: string, paid: number) {
  const { url } = forest.stage.instance(1)
  await until(20_000, 'the root is idle', async () => (await stateOf(url, chatId)) === 'idle')
  const tasks = await tasksOf(url, chatId)
  expect(tasks.map(({ state }) => state)).toEqual(['finished', 'finished', 'finished'])
  for (const { id } of tasks) {
    expect((await messagesOf(url, id)).map(({ role }) => role)).toEqual(['user', 'assistant'])
  }
  const effects = tasks.flatMap(({ id }) => forest.ledger.effectsOf(id))
  expect(effects.filter((key) => key.includes('-1b'))).toHaveLength(paid)
  const messages = await messagesOf(url, chatId)
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
  return messages[1]
}

const textIn = (message: UIMessage | undefined) =>
  (message?.parts ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('')

/** A page with the hook of an AI SDK, whose requests go to the first instance. */
function openPage(sdk: HookSdk, chatId: string) {
  const recorder = openRecorder()
  const fetchNow: typeof fetch = (input, init) => {
    const path = (input instanceof Request ? input.url : String(input)).slice('http://any'.length)
    return recorder.fetch(forest.stage.instance(0).url + path, init)
  }
  const { decided } = recorder
  const chat = sdk.open({ id: chatId, api: 'http://any/api/chat', fetch: fetchNow, decided })
  return { chat, recorder }
}

type Page = ReturnType<typeof openPage>

let forest: Forest
const pages = hookSdks
  .filter(({ major }) => major > 5)
  .map((sdk): { sdk: HookSdk; chatId: string; page?: Page } => ({ sdk, chatId: randomUUID() }))
const [plain, left] = [randomUUID(), randomUUID()]

beforeAll(async () => {
  forest = await openForest({ instances: 2, paceMs: 2 })
  for (const each of pages) {
    each.page = openPage(each.sdk, each.chatId)
    void each.page.chat.sendMessage({ text: promptOf(twoQuestions(each.chatId)) })
  }
  const { url } = forest.stage.instance(1)
  for (const id of [plain, left]) await cast(url, id, promptOf(twoQuestions(id)))
  for (const id of [plain, left, ...pages.map(({ chatId }) => chatId)])
    await untilWaiting(url, id, 2)
  for (const { page } of pages) {
    await until(5000, 'the page is ready', () => page?.chat.status === 'ready')
  }
  await replaceAll('SIGKILL')
})
afterAll(async () => {
  for (const { page } of pages) page?.chat[Symbol.dispose]()
  await forest[Symbol.asyncDispose]()
})

describe('questions two levels below a root, after the death of all servers', () => {
  for (const each of pages) {
    it(`are answered by useChat of ${each.sdk.name}, without more posts`, async () => {
      const { chatId, page } = each
      if (page === undefined) throw new Error('the page is closed')
      const { chat, recorder } = page
      const open = await waitsFor(forest.stage.instance(0).url, chatId)
      const question = open.find(({ approvalId }) => approvalId === undefined)
      const approval = open.find(({ approvalId }) => approvalId !== undefined)
      const shown = (chat.messages.at(-1)?.parts ?? []).map((part) => fieldOf(part, 'toolCallId'))
      expect(shown).toEqual(expect.arrayContaining(open.map(({ toolCallId }) => toolCallId)))
      await chat.addToolOutput({
        tool: question?.toolName ?? '',
        toolCallId: question?.toolCallId ?? '',
        output: 'this one',
      })
      await chat.addToolApprovalResponse?.({ id: approval?.approvalId ?? '', approved: true })
      const stored = await expectAnswered(chatId, 1)
      await until(10_000, 'the page rests', () => chat.status === 'ready' && recorder.rests)
      expect(chat.error).toBeUndefined()
      expect(chat.shown.at(-1)).toBe(textIn(stored))
      expect(textIn(stored)).toContain(`Answer of ${chatId}`)
      expect(recorder.exchanges.map(({ status }) => status)).toEqual([200, 200])
    })
  }

  it('are answered by plain requests with a shutdown between them: a denial and an error', async () => {
    const answer = (path: string, body: object) =>
      fetch(`${forest.stage.instance(0).url}/api/chat/${plain}/${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify(body),
      })
    const open = await waitsFor(forest.stage.instance(0).url, plain)
    const approval = open.find(({ approvalId }) => approvalId !== undefined)
    const denial = { approved: false, reason: 'Too dear.' }
    expect((await answer(`approvals/${approval?.approvalId}`, denial)).status).toBe(200)
    await untilWaiting(forest.stage.instance(1).url, plain, 1)
    await replaceAll('SIGTERM')
    const [question] = await waitsFor(forest.stage.instance(0).url, plain)
    expect(question?.toolName).toBe('checker.human')
    const error = { errorText: 'No idea.' }
    expect((await answer(`tools/${question?.toolCallId}`, error)).status).toBe(200)
    await expectAnswered(plain, 0)
    const asked = JSON.stringify(forest.stage.upstream.calls.map(({ messages }) => messages))
    for (const text of ['No idea.', 'Too dear.']) expect(asked).toContain(text)
  })

  it('close when a new message comes, and the tasks of all levels stop', async () => {
    const { url } = forest.stage.instance(1)
    const next = randomUUID()
    await cast(url, left, promptOf({ id: next, steps: [] }))
    await until(10_000, 'the next answer', async () => {
      return textIn((await messagesOf(url, left)).at(-1)).includes(`Answer of ${next}`)
    })
    await until(10_000, 'all tasks are stopped', async () => {
      return (await tasksOf(url, left)).every(({ state }) => state === 'stopped')
    })
    const tasks = await tasksOf(url, left)
    expect(tasks.map((task) => task.waitsFor)).toEqual([undefined, undefined, undefined])
    expect(await waitsFor(url, left)).toEqual([])
  })
})
