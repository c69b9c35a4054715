/** A task of the coder through `useChat` over HTTP, with servers that die during the task. */
import { access, mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { until } from '../redis/until.ts'
import { openStage, type Stage } from '../sessions/stage.ts'
import { messagesOf } from '../sessions/tab.ts'
import { pathWithBubblewrap } from '../tools/sandboxes.ts'
import { type AnsweringOptions, openAnsweringChat } from './human-chat.ts'
import { done, makeRepository, sourcesOf } from './repository.ts'
import { replyTo, wishFor } from './script.ts'

let workspace: string
let stage: Stage
let count = 0

beforeAll(async () => {
  workspace = await realpath(await mkdtemp(join(tmpdir(), 'loom-coder-')))
  const environment = {
    LOOM_AGENTS: 'coder',
    LOOM_WORKSPACE: workspace,
    // The repository's tests run on the same Node as these tests.
    PATH: `${dirname(process.execPath)}:${pathWithBubblewrap}`,
  }
  stage = await openStage({ environment, replyTo })
})
afterAll(async () => {
  await stage[Symbol.asyncDispose]()
  await rm(workspace, { recursive: true, force: true })
})

/** Creates a repository, and a chat about it at the first instance. */
async function begin(options: Omit<AnsweringOptions, 'urls'> = {}) {
  const name = `repository-${++count}`
  const folder = join(workspace, name)
  await makeRepository(folder)
  const [owner, survivor] = [stage.instance(0), stage.instance(1)]
  const urls = [owner.url, survivor.url]
  const chat = openAnsweringChat({ urls, ...options })
  return { folder, owner, survivor, chat, work: () => chat.ask(wishFor(name)) }
}

type Task = Awaited<ReturnType<typeof begin>>

const partsOf = ({ chat }: Task, type: string) =>
  chat.answer.parts
    .map((part): Readonly<Record<string, unknown>> => ({ ...part }))
    .filter((part) => part['type'] === type)

const runsOf = async ({ folder }: Task) =>
  (await readFile(join(folder, 'runs.txt'), 'utf8')).trim().split('\n').length

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

/** Checks the result, which is the same after every kind of failure. */
async function expectDone(task: Task, url: string, label = '') {
  const { chat, folder } = task
  expect(await sourcesOf(folder), label).toEqual(done)
  expect(chat.answer.parts.at(-1), label).toMatchObject({
    type: 'text',
    text: 'Found 2; 3 tests pass, 0 fail.',
  })
  const [question] = partsOf(task, 'tool-human')
  expect(question, label).toMatchObject({ state: 'output-available', output: 'Moin' })
  const id = chat.chat.messages.at(-1)?.id ?? ''
  const history = await messagesOf(url, chatIdOf(task))
  expect(
    history.map(({ role }) => role),
    label,
  ).toEqual(['user', 'assistant'])
  expect(history.at(-1)?.id, label).toBe(id)
  expect(chat.answer.parts, label).toEqual(history.at(-1)?.parts)
}

const chatIdOf = ({ chat }: Task): string => String(Object(chat.chat).id)

async function restartOwner(task: Task) {
  await task.owner.kill()
  await stage.start(0)
}

it('completes a task of searches, questions, edits and tests', async () => {
  const requests: string[][] = []
  const task = await begin({
    onAsked: async (names) => {
      requests.push(names)
    },
  })
  await task.work()
  expect(requests).toEqual([['human'], ['edit_file', 'edit_file'], ['bash']])
  expect(await runsOf(task)).toBe(1)
  const [found] = partsOf(task, 'tool-grep')
  expect(JSON.stringify(found)).not.toMatch(/dist|node_modules/)
  await expectDone(task, task.owner.url)
})

it('skips a call that the human denies', async () => {
  const task = await begin({ approve: (name) => name !== 'edit_file' })
  const before = await sourcesOf(task.folder)
  await task.work()
  expect(await sourcesOf(task.folder)).toEqual(before)
  expect(partsOf(task, 'tool-edit_file')).toMatchObject([
    { state: 'output-denied' },
    { state: 'output-denied' },
  ])
  expect(task.chat.answer.parts.at(-1)).toMatchObject({ text: expect.stringMatching(/fail/) })
})

for (const name of ['human', 'edit_file', 'bash']) {
  it(`continues elsewhere if its server dies while ${name} waits`, async () => {
    const task = await begin({
      onAsked: async (names) => {
        if (names.includes(name)) await task.owner.kill()
      },
    })
    await task.work()
    await expectDone(task, task.survivor.url)
    expect(await runsOf(task)).toBe(1)
    await restartOwner(task)
  })
}

it('receives an unknown outcome if its server dies during bash', async () => {
  const task = await begin()
  const [runs, hold] = [join(task.folder, 'runs.txt'), join(task.folder, 'hold')]
  await writeFile(hold, '')
  const working = task.work()
  await until(20_000, 'the tests run', () => exists(runs))
  await task.owner.kill()
  await rm(hold)
  await working
  const tested = partsOf(task, 'tool-bash')
  expect(tested).toMatchObject([
    { state: 'output-error', errorText: expect.stringMatching(/unknown/) },
    { state: 'output-available' },
  ])
  // Once, and once more by the choice of the model.
  expect(await runsOf(task)).toBe(2)
  await expectDone(task, task.survivor.url)
  await restartOwner(task)
})

it('continues elsewhere if its server dies between steps', async () => {
  for (const steps of [1, 2]) {
    const before = stage.upstream.calls.length
    const task = await begin()
    const working = task.work()
    const isFar = () => stage.upstream.calls.length > before + steps
    await until(20_000, `step ${steps + 1}`, isFar)
    await task.owner.kill()
    await working
    await expectDone(task, task.survivor.url, `after ${steps} steps`)
    expect(await runsOf(task)).toBe(1)
    await restartOwner(task)
  }
})

it('makes every edit once, whenever its server dies', async () => {
  const outcomes = new Set<string>()
  for (const afterMs of [0, 10, 20, 30, 40, 60, 90]) {
    const task = await begin({
      onAnswered: async (names) => {
        if (!names.includes('edit_file')) return
        const due = performance.now() + afterMs
        await until(5000, 'the time to kill', () => performance.now() >= due)
        await task.owner.kill()
      },
    })
    await task.work()
    await expectDone(task, task.survivor.url, `killed after ${afterMs} ms`)
    const edits = partsOf(task, 'tool-edit_file')
    for (const edit of edits) {
      expect(edit).toMatchObject({ state: 'output-available' })
      outcomes.add(/earlier attempt/.test(JSON.stringify(edit)) ? 'seen' : 'made')
    }
    await restartOwner(task)
  }
  expect(outcomes).toContain('made')
}, 300_000)
