/** Trees of agents on a stage of three servers, with a ledger for the effects of their tools. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'

import type { UIMessage } from 'ai'
import { expect } from 'vitest'

import { fieldOf, fieldsOf } from '../../src/ground/fields.ts'
import { sessionKey } from '../../src/store/redis/keys.ts'
import type { TaskInfo } from '../../src/task.ts'
import { type Ledger, openLedger } from '../sessions/ledger.ts'
import { openStage, type Stage, type StageInstance } from '../sessions/stage.ts'
import { type Answer, messagesOf, openTab } from '../sessions/tab.ts'
import { followPlan, type Plan, planOf, promptOf, tokensOfCall } from './plan.ts'

/** A model call, with the time of its arrival. */
export interface PlanCall {
  planId: string
  at: number
}

export interface Forest extends AsyncDisposable {
  stage: Stage
  ledger: Ledger
  /** The model calls, at the same places as `stage.upstream.calls`. */
  calls: readonly PlanCall[]
}

export async function openForest({
  paceMs = 20,
  instances = 3,
  environment = {},
}: {
  paceMs?: number
  instances?: number
  environment?: Record<string, string>
} = {}): Promise<Forest> {
  await using stack = new AsyncDisposableStack()
  const ledger = stack.use(await openLedger())
  const calls: PlanCall[] = []
  const stage = stack.use(
    await openStage({
      instances,
      paceMs,
      program: join(import.meta.dirname, 'tree-server.ts'),
      environment: { LEDGER_URL: ledger.url, ...environment },
      replyTo(messages) {
        calls.push({ planId: planOf(messages).plan?.id ?? '', at: performance.now() })
        return followPlan(messages)
      },
    }),
  )
  const owned = stack.move()
  return { stage, ledger, calls, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A planner with three researchers, each with two checkers, which call tools of every retry class. */
export function threeLevels(id: string): Plan {
  const checkers = (of: string) => [
    { tool: 'checker', plan: { id: `${of}a`, steps: [[{ tool: 'never' }, { tool: 'safe' }]] } },
    {
      tool: 'checker',
      plan: { id: `${of}b`, steps: [[{ tool: 'keyed' }], [{ tool: 'steps' }, { tool: 'never' }]] },
    },
  ]
  const researchers = [1, 2, 3].map((n) => ({
    tool: 'researcher',
    plan: { id: `${id}-${n}`, steps: [checkers(`${id}-${n}`)] },
  }))
  return { id, steps: [[...researchers, { tool: 'never' }]] }
}

export const getJson = async <VALUE>(url: string): Promise<VALUE> => {
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Error(`${response.status}: ${text}`)
  // The tests of the server check its JSON.
  const value: VALUE = JSON.parse(text)
  return value
}

export const tasksOf = async (url: string, chatId: string): Promise<TaskInfo[]> =>
  (await getJson<{ tasks: TaskInfo[] }>(`${url}/api/chat/${chatId}/tasks`)).tasks

export interface Tree {
  chatId: string
  plan: Plan
  answer: Answer
}

/** Posts a plan as a tab does, at the first instance that answers. */
export function plant(
  instances: readonly StageInstance[],
  plan: (id: string) => Plan = threeLevels,
): Tree {
  const chatId = randomUUID()
  const of = plan(chatId)
  const urls = instances.map(({ url }) => url)
  return { chatId, plan: of, answer: openTab({ urls, silenceMs: 2000 }).send(chatId, promptOf(of)) }
}

const tokensOf = (usage: unknown): number =>
  Number(fieldOf(usage, 'inputTokens') ?? 0) + Number(fieldOf(usage, 'outputTokens') ?? 0)

export interface WatchedTree extends Tree {
  /** The tabs that read the answers of tasks, by task. */
  watched: ReadonlyMap<string, Answer>
}

/** All plans of a tree. */
export const plansIn = (plan: Plan): Plan[] => [
  plan,
  ...plan.steps.flat().flatMap(({ plan: below }) => (below === undefined ? [] : plansIn(below))),
]

/** Checks a tree that has ended, at one instance. */
export async function expectOneTree(
  { ledger, stage, calls }: Forest,
  { chatId, plan, answer, watched }: WatchedTree,
  { url, label }: { url: string; label: string },
): Promise<void> {
  const seen = await answer.message
  const [, stored, ...more] = await messagesOf(url, chatId)
  expect(more, label).toEqual([])
  expect(seen, label).toEqual(stored)
  if (stored === undefined) throw new Error(`${label}: nothing was stored`)
  const tasks = await tasksOf(url, chatId)
  expect(
    tasks.map(({ state }) => state),
    label,
  ).toEqual(tasks.map(() => 'finished'))
  expect(tasks, label).toHaveLength(plansIn(plan).length - 1)
  let tokens = 0
  const answers: UIMessage[] = [stored]
  for (const { id, spent } of tasks) {
    const messages = await messagesOf(url, id)
    expect(
      messages.map(({ role }) => role),
      `${label}, task ${id}`,
    ).toEqual(['user', 'assistant'])
    const [, last] = messages
    if (last !== undefined) answers.push(last)
    const watch = watched.get(id)
    const seenBelow = await watch?.message
    if (seenBelow !== undefined) expect(seenBelow, `${label}, task ${id}`).toEqual(last)
    tokens += tokensOf(spent?.usage)
  }
  for (const message of answers) {
    const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
    expect(text, label).toMatch(/Answer of \S+: one two three\. $/)
    expect(text.match(/Answer of/g), label).toHaveLength(1)
    const open = message.parts.filter(
      (part) =>
        'toolCallId' in part && part.state !== 'output-available' && part.state !== 'output-error',
    )
    expect(open, label).toEqual([])
  }
  for (const id of [chatId, ...tasks.map((task) => task.id)]) {
    const effects = ledger.effectsOf(id)
    for (const key of new Set(effects)) {
      if (neverIn(plan).some((call) => key.includes(`:${call}.`))) {
        expect(
          effects.filter((each) => each === key),
          `${label}, ${key}`,
        ).toHaveLength(1)
      }
    }
  }
  // Each reply counts once, in its own session and in the root, also if it was withdrawn. One that was cut off
  // has reported no tokens.
  const each = tokensOfCall.prompt_tokens + tokensOfCall.completion_tokens
  const tokensAnswered = (planId: string) =>
    each *
    calls.filter((call, index) => {
      return call.planId === planId && stage.upstream.calls[index]?.hasTokens === true
    }).length
  for (const { title, spent } of tasks) {
    const [, planId = ''] = /"id":"([^"]+)"/.exec(title) ?? []
    expect(tokensOf(spent?.usage), `${label}: ${title}`).toBeGreaterThanOrEqual(each)
    expect(tokensOf(spent?.usage), `${label}: ${title}`).toBeLessThanOrEqual(tokensAnswered(planId))
  }
  await expectOneSum(stage, { chatId, tasks, url, label })
  const own = tokensOf(fieldOf(stored.metadata, 'usage')) - tokens
  expect(own, `${label}: the root`).toBeGreaterThanOrEqual(each)
  expect(own, `${label}: the root`).toBeLessThanOrEqual(tokensAnswered(chatId))
}

/** The usage of all stored messages, the list of tasks, and the sum of the tree are the same, at every level. */
async function expectOneSum(
  { redis }: Stage,
  { chatId, tasks, url, label }: { chatId: string; tasks: TaskInfo[]; url: string; label: string },
): Promise<void> {
  const ownTokens = async (id: string) => {
    const messages = await messagesOf(url, id)
    const parts = messages.map(({ metadata }) => {
      const ofTasks = Object.values(fieldsOf(fieldOf(metadata, 'tasks')))
      const below = ofTasks.map((task) => tokensOf(fieldOf(task, 'usage')))
      return below.reduce((sum, each) => sum - each, tokensOf(fieldOf(metadata, 'usage')))
    })
    return parts.reduce((sum, each) => sum + each, 0)
  }
  const root = await getJson<{ spent?: { usage: unknown } }>(`${url}/api/chat/${chatId}`)
  expect(tokensOf(root.spent?.usage), `${label}: the root`).toBe(await ownTokens(chatId))
  let sum = 0
  for (const { id, title, spent } of tasks) {
    expect(tokensOf(spent?.usage), `${label}: ${title}`).toBe(await ownTokens(id))
    sum += tokensOf(spent?.usage)
  }
  const fields = await redis.client.hmget(sessionKey(chatId), 'treeInput', 'treeOutput')
  const total = fields.reduce((all, each) => all + Number(each ?? 0), 0)
  expect(total, `${label}: the sum of the tree`).toBe(sum)
}

const neverIn = (plan: Plan): string[] =>
  plansIn(plan).flatMap(({ id, steps }) =>
    steps.flatMap((calls, step) =>
      calls.flatMap(({ tool }, index) => (tool === 'never' ? [`${id}.${step}.${index}`] : [])),
    ),
  )
