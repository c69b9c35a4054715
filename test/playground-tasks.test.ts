/** The tree of tasks in the playground: the files of the page with the app of the server, and with jsdom. */
import type { UIMessage } from 'ai'
import { JSDOM, type PageElement } from 'jsdom'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'

import { agentTool } from '../src/agent-tool.ts'
import { defineAgent } from '../src/agent.ts'
import { defineTool } from '../src/define-tool.ts'
import { zodSchema } from '../src/ground/schema.ts'
import type { TaskInfo } from '../src/task.ts'
import { human } from '../tools/human.ts'
import {
  type Chat,
  fetchOf,
  type Fetch,
  openServer,
  openTab,
  said,
  shown,
  until,
} from './playground-page.ts'
import { servedApp } from './served-app.ts'
import { callTool, sayBy } from './tasks/models.ts'

interface Tree {
  id: string
  tasks: TaskInfo[]
  isOffered: boolean
  problem: string
  show: (chat: Chat) => void
  look: () => Promise<void>
  taskOf: (message: UIMessage, part: { toolCallId: string }) => TaskInfo | undefined
  offerStop: () => void
  stop: (id: string) => Promise<void>
  stopAll: () => Promise<void>
  close: () => void
}

interface TasksModule {
  openTasks: (options: { server: object; onChange?: () => void; intervalMs?: number }) => Tree
  summaryOf: (tasks: readonly Partial<TaskInfo>[]) => string
  spentText: (tasks: readonly Partial<TaskInfo>[]) => string
}

const dom = new JSDOM('<!doctype html>')
vi.stubGlobal('document', dom.window.document)
afterAll(() => {
  vi.unstubAllGlobals()
  dom.window.close()
})

const file = (name: string) => new URL(`../web/playground-${name}.js`, import.meta.url).href
// The type of these imports is `any`: TypeScript has not read the files.
const { openTasks, spentText, summaryOf }: TasksModule = await import(file('tasks'))
const {
  openTree,
}: {
  openTree: (
    node: PageElement,
    options: { tree: object; asks: () => boolean },
  ) => { draw: () => void }
} = await import(file('tree'))
const {
  entryView,
}: { entryView: (entry: object, actions: object) => { node: PageElement; update: () => void } } =
  await import(file('message'))

const open: { close: () => void }[] = []
afterEach(() => {
  for (const each of open.splice(0)) each.close()
})

/** A tool that waits for `release`, or for the stop of its turn. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const tool = defineTool({
    name: 'gate',
    description: 'Waits.',
    inputSchema: zodSchema((z) => z.object({})),
    retry: 'safe',
    execute: async () => {
      await promise
      return 'open'
    },
  })
  return { tool, release: resolve }
}

/** A lead whose workers wait at a gate, ask a human, or answer. A prompt that begins with "later" is for the background. */
async function opened() {
  const { tool, release } = gate()
  const worker = defineAgent({
    name: 'worker',
    systemPrompt: 'Work.',
    model: sayBy(({ prompt, results }) => {
      if (results.length > 0) return `worked with ${JSON.stringify(results.at(-1))}`
      if (prompt.includes('ask'))
        return callTool('human', { question: 'Which?', options: ['a', 'b'] })
      return prompt.includes('wait') ? callTool('gate', {}) : `worked on ${prompt}`
    }),
    tools: [tool, human()],
  })
  const lead = defineAgent({
    name: 'lead',
    systemPrompt: 'Lead.',
    model: sayBy(({ prompt, results }) => {
      if (prompt.includes('background task')) return 'noted'
      if (results.length > 0) return 'done'
      const name = prompt.startsWith('later') ? 'helper' : 'worker'
      return prompt.split(';').flatMap((part) => callTool(name, { prompt: part.trim() }))
    }),
    tools: [agentTool(worker), agentTool(worker, { name: 'helper', background: true })],
  })
  const fetch = fetchOf(await servedApp({ agents: [lead] }))
  open.push({ close: release })
  return { fetch, release }
}

/** A tab with a new conversation, and the tree that its page shows. */
async function tabOf(fetch: Fetch, text: string) {
  const chat = openTab(fetch)
  const tree = treeOf(fetch)
  open.push(chat)
  await chat.send(said(text))
  return { chat, tree, show: () => tree.show(chat) }
}

function treeOf(fetch: Fetch): Tree {
  const tree = openTasks({ server: openServer({ fetch, pauseMs: 1 }), intervalMs: 5 })
  open.push(tree)
  return tree
}

const statesOf = ({ tasks }: Tree) => tasks.map(({ state }) => state).join()

describe('the tree of a conversation', () => {
  it('shows its tasks while they run, and their calls', async () => {
    const { fetch, release } = await opened()
    const { chat, tree, show } = await tabOf(fetch, 'plain; wait')
    const showing = () => {
      show()
      return statesOf(tree) === 'finished,running'
    }
    await until('a running task', showing)
    const answer = chat.entries.at(-1)?.message
    const toolCallId = tree.tasks[0]?.toolCallId ?? ''
    expect(answer && tree.taskOf(answer, { toolCallId })).toBe(tree.tasks[0])
    release()
    // The tree reads again without a change of the conversation.
    await until('the end', () => statesOf(tree) === 'finished,finished')
  })

  it('has the questions of its tasks, which its human answers', async () => {
    const { fetch } = await opened()
    const { chat, tree, show } = await tabOf(fetch, 'ask')
    await until('the question', () => chat.entries.at(-1)?.waiting === true)
    show()
    await until('a waiting task', () => statesOf(tree) === 'waiting')
    const entry = chat.entries.at(-1)
    const part = entry?.message.parts.find(({ type }) => type === 'dynamic-tool')
    expect(part).toMatchObject({ toolName: 'worker.human', state: 'input-available' })
    if (entry !== undefined && part !== undefined) await chat.answer(entry, part, 'b')
    await until('the answer', () => shown(chat).at(-1) === 'assistant: done')
    await until('the end of the task', () => statesOf(tree) === 'finished')
  })

  it('opens a task as a conversation of the same tree', async () => {
    const { fetch } = await opened()
    const { tree, show, chat } = await tabOf(fetch, 'plain')
    await until('the end', () => shown(chat).at(-1) === 'assistant: done')
    show()
    await until('the task', () => statesOf(tree) === 'finished')
    const task = openTab(fetch, tree.tasks[0]?.id)
    open.push(task)
    await task.watch()
    expect(shown(task)).toEqual(['user: plain', 'assistant: worked on plain'])
    const other = treeOf(fetch)
    other.show(task)
    await until('the tree', () => other.tasks.length === 1)
    expect(other.tasks).toEqual(tree.tasks)
  })

  it('stops one task, or the background tasks that a stop left', async () => {
    const { fetch } = await opened()
    const { chat, tree, show } = await tabOf(fetch, 'later wait; later wait too')
    await until('the end of the turn', () => shown(chat).at(-1) === 'assistant: done')
    show()
    await until('two tasks', () => statesOf(tree) === 'running,running')
    await tree.stop(tree.tasks[0]?.id ?? '')
    await until('one stop', () => statesOf(tree) === 'stopped,running')
    await chat.stop()
    await tree.look()
    tree.offerStop()
    expect(tree.isOffered).toBe(true)
    await tree.stopAll()
    await until('all stops', () => statesOf(tree) === 'stopped,stopped')
    expect(tree).toMatchObject({ isOffered: false, problem: '' })
  })
})

const usage = (totalTokens: number) => ({
  inputTokens: totalTokens,
  outputTokens: 0,
  totalTokens,
  cachedInputTokens: 0,
  reasoningTokens: 0,
})

describe('the list of a tree', () => {
  it('is read less often if it is long', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      let reads = 0
      const running = Array.from({ length: 2000 }, (_, index) => ({
        id: `root~${index}`,
        parentId: 'root',
        state: 'running',
      }))
      const server = {
        tasks: async () => {
          reads++
          return running
        },
        session: async () => ({ title: 'Root' }),
      }
      const tree = openTasks({ server, intervalMs: 100 })
      await tree.look()
      await vi.advanceTimersByTimeAsync(950)
      expect(reads).toBe(1)
      await vi.advanceTimersByTimeAsync(100)
      expect(reads).toBe(2)
      tree.close()
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('the sum of a tree', () => {
  it('counts states, tokens and cost', () => {
    const tasks: Partial<TaskInfo>[] = [
      { state: 'running', spent: { usage: usage(1000), cost: { usd: 0.25 } } },
      { state: 'finished', spent: { usage: usage(234), cost: { usd: 1 } } },
      { state: 'queued' },
    ]
    expect(summaryOf(tasks)).toBe('3 tasks: 1 running, 1 queued, 1 finished · 1,234 tokens · $1.25')
  })

  it('says that a cost is known only in part', () => {
    const tasks = [
      { spent: { usage: usage(1), cost: { usd: 0.5 } } },
      { spent: { usage: usage(2) } },
    ]
    expect(spentText(tasks)).toBe('3 tokens · at least $0.50')
    expect(spentText([{ spent: { usage: usage(2) } }])).toBe('2 tokens')
  })
})

const textsOf = (node: PageElement, selector: string): string[] =>
  [...node.querySelectorAll(selector)].map(({ textContent }) => textContent)

describe('the view of a tree', () => {
  const id = (key: string) => `root~${key.repeat(26)}`
  const task = (fields: object) => ({ depth: 1, parentId: 'root', background: false, ...fields })
  const tree = {
    id: 'root',
    tasks: [
      task({ id: id('a'), agent: 'worker', title: 'One', state: 'failed', error: 'No luck.' }),
      task({ id: id('b'), agent: 'worker', title: 'Two', state: 'running', background: true }),
      task({
        id: id('c'),
        agent: 'checker',
        title: 'Of one',
        state: 'finished',
        depth: 2,
        parentId: id('a'),
      }),
    ],
    title: 'The question',
    isOffered: true,
    problem: '',
  }
  const node = dom.window.document.createElement('details')
  const view = openTree(node, { tree, asks: () => false })
  view.draw()

  it('has a row for the conversation and each task, with those below it', () => {
    expect(textsOf(node, 'li .title')).toEqual(['The question', 'One', 'Of one', 'Two'])
    expect(textsOf(node, 'li .name')).toEqual(['worker', 'checker', 'worker'])
    expect(textsOf(node, 'li .state')).toEqual([
      'failed',
      'finished',
      'running · in the background',
    ])
    const links = [...node.querySelectorAll('a')].map((link) => link.getAttribute('href'))
    expect(links).toEqual(
      ['root', id('a'), id('c'), id('b')].map((each) => `#chat=${encodeURIComponent(each)}`),
    )
  })

  it('offers to stop what runs', () => {
    expect(textsOf(node, 'li button')).toEqual(['Stop “Two”'])
    expect(textsOf(node, '.offer')).toEqual([
      'A background task continues. “Stop all” stops it too.',
    ])
    expect([...node.querySelectorAll('summary button[hidden]')]).toEqual([])
  })

  it('is not there without tasks', () => {
    const empty = dom.window.document.createElement('details')
    const none = { ...tree, tasks: [] }
    openTree(empty, { tree: none, asks: () => false }).draw()
    expect(empty.getAttribute('hidden')).toBe('')
  })
})

describe('a message of a task', () => {
  const result = (text: string, state = 'finished') =>
    entryView(
      {
        message: {
          id: 'r',
          role: 'user',
          metadata: {
            task: { id: `root~${'a'.repeat(26)}`, agent: 'worker', toolCallId: 'c', state },
          },
          parts: [{ type: 'text', text }],
        },
      },
      {},
    )

  it('is a result and no words of the human', () => {
    const view = result(
      'The background task x of the agent "worker" has finished.\nIts task was: Look.\n\nIts result:\n**Found** it.',
    )
    expect(textsOf(view.node, '.bubble')).toEqual([])
    expect(textsOf(view.node, '.name')).toEqual(['worker'])
    expect(textsOf(view.node, '.brief')).toEqual(['Look.'])
    expect(textsOf(view.node, '.prose')).toEqual(['Found it.'])
    expect(textsOf(view.node, '.state')).toEqual(['task finished'])
    expect(textsOf(view.node, 'a')).toEqual(['Open this task'])
  })

  it('shows a failure and any other text', () => {
    const head = 'The background task x of the agent "worker" has failed: no luck'
    const failed = result(`${head}\nIts task was: Look.`, 'failed')
    expect(textsOf(failed.node, '.prose')).toEqual([head])
    const other = result('Any text.')
    expect(textsOf(other.node, '.prose')).toEqual(['Any text.'])
  })

  it('has the form of a question and of an approval', () => {
    const part = (toolName: string, more: object) => ({
      type: 'dynamic-tool',
      toolName,
      toolCallId: `~${'a'.repeat(26)}.c`,
      ...more,
    })
    const ask = part('worker.human', {
      state: 'input-available',
      input: { question: 'Which?', options: ['a', 'b'] },
    })
    const approve = part('worker.bash', {
      state: 'approval-requested',
      input: { command: 'rm -rf x' },
      approval: { id: `~${'a'.repeat(26)}.p` },
    })
    const message = { id: 'm', role: 'assistant', parts: [ask, approve] }
    const { node } = entryView({ message, waiting: true }, {})
    expect(textsOf(node, '.asked')).toEqual(['Which?'])
    expect(textsOf(node, '.question button')).toEqual(['a', 'b', 'Answer'])
    expect(textsOf(node, '.approval button')).toEqual(['Approve', 'Deny'])
    expect(node.textContent).toContain('rm -rf x')
  })
})
