/** The ends of trees with timers by stops and deletions, and what is left of them. */
import { randomUUID } from 'node:crypto'

import { dueKey } from '../../src/store/redis/keys.ts'
import { until } from '../redis/until.ts'
import { cast } from '../sessions/tab.ts'
import { type Forest, getJson, tasksOf, threeLevels } from './forest.ts'
import { type Plan, promptOf } from './plan.ts'

/** How a tree ends. A tree that is not deleted as a whole is deleted after its tasks and timers are over. */
export const endings = [
  'delete',
  'delete twice',
  'delete a task',
  'stop',
  'stop the tree',
  'stop a task',
] as const

interface Growth {
  id: string
  ending: (typeof endings)[number]
  /** Returns a random integer from 0 to below `end`. */
  below: (end: number) => number
  label: string
}

const isOver = (state: string) => ['finished', 'failed', 'stopped'].includes(state)

/** A planner with a reminder, and researchers with checkers. */
function planWithReminder(id: string, isDeleted: boolean): Plan {
  const time = isDeleted ? { everySeconds: 1 } : { afterSeconds: 0.5 }
  const remind = { tool: 'remind', input: { action: 'add', message: 'Go on.', ...time } }
  const { steps } = threeLevels(id)
  return { id, steps: [[remind], ...steps] }
}

/** Begins a tree, adds timers to its sessions, and ends it at a random moment. */
export async function growAndEnd(
  forest: Forest,
  { id, ending, below, label }: Growth,
): Promise<void> {
  const url = () => forest.stage.instance(below(2)).url
  const isDeleted = ending.startsWith('delete') && ending !== 'delete a task'
  await cast(url(), id, promptOf(planWithReminder(id, isDeleted)))
  const moment = 1 + below(14)
  await until(20_000, `${label}: ${ending} after ${moment} model calls`, () => {
    return forest.calls.filter(({ planId }) => planId.startsWith(id)).length >= moment
  })
  const tasks = await tasksOf(url(), id)
  const task = tasks[below(Math.max(1, tasks.length))]?.id
  const timed = [id, ...(task === undefined ? [] : [task])]
  await Promise.all([
    ...timed.map((of) => addTimer(url(), of, isDeleted ? { every: 1000 } : { after: below(800) })),
    ...requestsOf(ending, { id, task }).map(([of, method, path = '']) =>
      send(method, `${url()}/api/chat/${of}${path}`),
    ),
  ])
  if (isDeleted) return deleteAgain(url(), id)
  const what = `${label}: ${ending} after ${moment} model calls: all tasks and timers are over`
  await until(20_000, what, async () => (await unfinished(url(), id)).length === 0).catch(
    async (error: unknown) => {
      throw new Error(JSON.stringify(await unfinished(url(), id), undefined, 2), { cause: error })
    },
  )
  await deleteAgain(url(), id)
}

/** Returns the sessions of a tree that run, wait or have timers. */
async function unfinished(url: string, id: string): Promise<object[]> {
  const tasks = (await tasksOf(url, id)).filter(({ state }) => !isOver(state))
  const root = await getJson<{ state: string; nextDueAt?: string }>(`${url}/api/chat/${id}`)
  return root.state === 'idle' && root.nextDueAt === undefined ? tasks : [root, ...tasks]
}

function requestsOf(
  ending: Growth['ending'],
  { id, task }: { id: string; task: string | undefined },
): [of: string, method: string, path?: string][] {
  switch (ending) {
    case 'delete':
      return [[id, 'DELETE']]
    case 'delete twice':
      return [
        [id, 'DELETE'],
        [id, 'DELETE'],
      ]
    case 'delete a task':
      return task === undefined ? [] : [[task, 'DELETE']]
    case 'stop':
      return [[id, 'POST', '/stop']]
    case 'stop the tree':
      return [[id, 'POST', '/stop?tree=1']]
    case 'stop a task':
      return task === undefined ? [] : [[task, 'POST', '/stop']]
  }
}

/** @throws Error for the answer of a broken server */
async function send(method: string, chat: string, body?: object): Promise<void> {
  const response = await fetch(chat, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  // Another request may have deleted the session.
  if (!response.ok && response.status !== 404) {
    throw new Error(`${method} ${chat}: ${response.status}: ${text}`)
  }
}

const addTimer = (url: string, of: string, time: object) =>
  send('POST', `${url}/api/chat/${of}/schedules`, { id: randomUUID(), message: 'Go on.', ...time })

/** A timer that came after the deletion began the session anew. */
const deleteAgain = (url: string, id: string) => send('DELETE', `${url}/api/chat/${id}`)

/** Returns the timers of a tree, and its keys without the marks of deleted sessions, which expire. */
export async function remains({ stage }: Forest, id: string): Promise<string[]> {
  const { client } = stage.redis
  const left: string[] = []
  for (const key of await client.keys(`*${id}*`)) {
    const lifeMs = await client.pttl(key)
    const isMark =
      lifeMs > 0 && key.endsWith(':session') && (await client.hget(key, 'state')) === 'deleted'
    // Finished logs and the memory of calls expire within an hour.
    if (!isMark && lifeMs !== -2 && (lifeMs === -1 || lifeMs > 3_600_000)) left.push(key)
  }
  const due = await client.zrange(dueKey, '0', '-1')
  return [...left, ...due.filter((member) => member.includes(id)).map((member) => `due: ${member}`)]
}
