/**
 * The tasks of trees in Redis. All keys of a tree have one hash tag, so each step is one script. Only `tasks`
 * reads a whole tree, in portions; `unfinishedTasks` reads no ended task.
 */
import { noSpending, withExactCost } from '../../spending.ts'
import {
  type FreedPlace,
  isTaskId,
  rootOf,
  type Task,
  type TaskEntry,
  taskId,
  taskKey,
  type TaskLimits,
  type TaskState,
  type TaskStore,
} from '../task.ts'
import type { Connection } from './connection.ts'
import { callKeys, rootKeys, type SessionKeys, sessionKeys } from './keys.ts'
import type { Limits } from './limits.ts'
import { wordOf } from './records.ts'
import { spendingIn, spendingOf, spendingText } from './spent.ts'
import { letterIn, letterText, readInSteps } from './stored-letter.ts'

/** The number of tasks that one command reads or removes. */
const portion = 200

export function redisTasks(connection: Connection, limits: Limits): TaskStore {
  /** Reads a hash of a root in portions. A field may come twice. */
  const readHash = async (key: string, read: (field: string, value: string) => void) => {
    let cursor = '0'
    do {
      const [next, rows] = await connection.send((client) =>
        client.hscan(key, cursor, 'COUNT', portion),
      )
      const at = Array.from({ length: rows.length / 2 }, (_, index) => index * 2)
      const texts = at.map((index) => rows[index + 1] ?? '')
      const fields = at.map((index) => rows[index] ?? '')
      let row = 0
      await readInSteps(texts, (text) => read(fields[row++] ?? '', text))
      cursor = next
    } while (cursor !== '0')
  }

  const leavePlace = async (
    id: string,
    state: 'ended' | 'waiting',
    { openMax }: Pick<TaskLimits, 'openMax'>,
  ): Promise<FreedPlace> => {
    const rootId = rootFor(id)
    if (rootId === undefined) return { isNew: false, next: [] }
    const { done, next } = await connection.run('end-task', callKeys('end-task', rootId), {
      ...limits,
      openMax,
      task: keyOf(id),
      state,
    })
    return { isNew: done === '1', next: next.map((key) => taskId(rootId, key)) }
  }

  /** The unfinished tasks by the last part of their ids. */
  const readStates = async (keys: SessionKeys): Promise<Map<string, TaskState>> => {
    const { tasks } = await connection.run('read-unfinished-tasks', keys, {})
    return new Map(
      tasks.flatMap((key, at) => (at % 2 ? [] : [[key, wordOf(tasks[at + 1] ?? '', stateWords)]])),
    )
  }

  return {
    async addTask(task, { unfinishedMax, openMax }) {
      const rootId = rootFor(task.id)
      const isOfTree = task.parent === rootId || rootOf(task.parent) === rootId
      if (rootId === undefined || !isOfTree) return { status: 'gone' }
      const { status, state } = await connection.run('add-task', callKeys('add-task', rootId), {
        ...limits,
        unfinishedMax,
        openMax,
        task: keyOf(task.id),
        parent: keyOf(task.parent),
        content: await contentOf(task),
      })
      const word = wordOf(status, ['added', 'known', 'gone', 'full'] as const)
      if (word === 'gone' || word === 'full') return { status: word }
      return { status: word, state: wordOf(state, stateWords) }
    },

    endTask: (id, limits) => leavePlace(id, 'ended', limits),
    parkTask: (id, limits) => leavePlace(id, 'waiting', limits),

    async task(id) {
      const rootId = rootFor(id)
      if (rootId === undefined) return undefined
      const keys = sessionKeys(rootId)
      const { content, state, spent } = await connection.run('read-task', keys, { task: keyOf(id) })
      if (state === '') return undefined
      const { entry } = entryIn(content, { id, rootId })
      return withSpending({ ...entry, state: wordOf(state, stateWords) }, spent)
    },

    async tasks(rootId) {
      if (isTaskId(rootId)) return []
      const keys = sessionKeys(rootId)
      const found = new Map<string, { number: number; entry: TaskEntry }>()
      await readHash(keys.tasks, (key, content) =>
        found.set(key, entryIn(content, { id: taskId(rootId, key), rootId })),
      )
      const spent = new Map<string, string>()
      await readHash(keys.taskSpent, (key, text) => spent.set(key, text))
      // After the tasks: a task that was read and is not among these has ended.
      const states = await readStates(keys)
      return [...found]
        .sort(([, one], [, other]) => one.number - other.number)
        .map(([key, { entry }]) => {
          const state = states.get(key) ?? 'ended'
          return withSpending({ ...entry, state }, spent.get(key) ?? '')
        })
    },

    async unfinishedTasks(rootId) {
      if (isTaskId(rootId)) return []
      const keys = sessionKeys(rootId)
      const states = [...(await readStates(keys))]
      const found: { number: number; entry: TaskEntry }[] = []
      for (let at = 0; at < states.length; at += portion) {
        const some = states.slice(at, at + portion)
        const names = some.map(([key]) => key)
        const [contents, spent] = await Promise.all([
          connection.send((client) => client.hmget(keys.tasks, ...names)),
          connection.send((client) => client.hmget(keys.taskSpent, ...names)),
        ])
        for (const [index, [key, state]] of some.entries()) {
          const content = contents[index]
          // It was removed meanwhile.
          if (typeof content !== 'string') continue
          const { number, entry } = entryIn(content, { id: taskId(rootId, key), rootId })
          found.push({ number, entry: withSpending({ ...entry, state }, spent[index] ?? '') })
        }
      }
      return found.sort((one, other) => one.number - other.number).map(({ entry }) => entry)
    },

    async noteSpending({ sessionId, claim }, spent) {
      if (isTaskId(sessionId)) renewRoot(connection, limits, sessionId)
      const keys = { ...sessionKeys(sessionId), ...rootKeys(sessionId) }
      const args = { claim, task: keyOf(sessionId), unfinished: spendingText(spent) }
      await connection.run('note-spending', keys, args)
    },

    async spentBeside(sessionId) {
      const keys = { ...sessionKeys(sessionId), ...rootKeys(sessionId) }
      const reply = await connection.run('read-tree-spending', keys, { task: keyOf(sessionId) })
      return withExactCost(spendingOf(reply) ?? noSpending)
    },

    async removeTask(id) {
      const rootId = rootFor(id)
      if (rootId === undefined) return
      const keys = callKeys('remove-task', rootId)
      await connection.run('remove-task', keys, { ...limits, task: keyOf(id) })
    },

    async removedTasks(rootId) {
      const { removedTasks } = sessionKeys(rootId)
      const keys = await connection.send((client) => client.smembers(removedTasks))
      return keys.map((key) => taskId(rootId, key))
    },

    async forgetTasks(rootId, ids) {
      const { removedTasks } = sessionKeys(rootId)
      const keys = ids.filter((id) => rootFor(id) === rootId).map(keyOf)
      for (let at = 0; at < keys.length; at += portion) {
        const some = keys.slice(at, at + portion)
        await connection.send((client) => client.srem(removedTasks, ...some))
      }
    },
  }
}

/** Renews the TTL of the root of a task. If this fails, the call that used the task must not fail. */
export function renewRoot(connection: Connection, limits: Limits, id: string): void {
  const { sessionTtlMs } = limits
  connection.run('renew-root', sessionKeys(rootOf(id)), { sessionTtlMs }).catch(() => {})
}

/** The last part of the id of a task; '' for a root. */
export const keyOf = (id: string): string => taskKey(id) ?? ''

/** Returns undefined for an id that is not of a task. */
function rootFor(id: string): string | undefined {
  const rootId = rootOf(id)
  return isTaskId(id) && !isTaskId(rootId) ? rootId : undefined
}

const stateWords = ['queued', 'open', 'waiting', 'ended'] as const

type StoredTask = Omit<Task, 'id' | 'parent' | 'letter'> & { parent: string }

/** The stored form of a task: its fields as JSON, a line end, and its letter. `add-task.lua` adds the first line. */
async function contentOf({ id: _, parent, letter, ...task }: Task): Promise<string | Buffer> {
  const stored: StoredTask = { parent: keyOf(parent), ...task }
  const head = `${JSON.stringify(stored)}\n`
  const text = await letterText(letter, { agent: task.agent })
  return typeof text === 'string' ? head + text : Buffer.concat([Buffer.from(head), text])
}

function entryIn(
  content: string,
  { id, rootId }: { id: string; rootId: string },
): { number: number; entry: TaskEntry } {
  const [first = '', head = '', ...letter] = content.split('\n')
  const [number, createdAt] = first.split(' ').map(Number)
  const { parent, ...task }: StoredTask = JSON.parse(head)
  const parentId = parent === '' ? rootId : taskId(rootId, parent)
  const entry: TaskEntry = {
    task: { id, parent: parentId, ...task, letter: letterIn(letter.join('\n')) },
    state: 'ended',
    createdAt: createdAt ?? 0,
  }
  return { number: number ?? 0, entry }
}

function withSpending(entry: TaskEntry, text: string): TaskEntry {
  return text === '' ? entry : { ...entry, spent: spendingIn(text) }
}
