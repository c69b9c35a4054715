/** The tasks of trees in memory: the session of a root has those of its tree. */
import { addSpending, isNothing, noSpending, type Spending } from '../../spending.ts'
import { type FreedPlace, isTaskId, rootOf, type TaskStore } from '../task.ts'
import type { MemorySession } from './session.ts'
import type { SessionTable } from './sessions.ts'
import { TaskTree } from './task-tree.ts'
import type { World } from './turns.ts'

export function memoryTasks({ sessions, hints, now }: World): TaskStore {
  const leavePlace = (id: string, leave: (tree: TaskTree) => string[] | undefined): FreedPlace => {
    const root = rootFor(sessions, id)
    const next = root?.tree && leave(root.tree)
    if (root === undefined || next === undefined) return { isNew: false, next: [] }
    sessions.put(root)
    for (const each of next) hints.give(each, 'log')
    return { isNew: true, next }
  }
  return {
    async addTask(task, limits) {
      const root = rootFor(sessions, task.id)
      if (root === undefined) return { status: 'gone' }
      const tree = root.tree ?? new TaskTree()
      const hasParent = task.parent === root.id || tree.get(task.parent) !== undefined
      if (!hasParent && tree.get(task.id) === undefined) return { status: 'gone' }
      const reply = tree.add(task, now(), limits)
      if (reply.status !== 'added') return reply
      root.tree = tree
      sessions.put(root)
      return reply
    },

    endTask: async (id, { openMax }) => leavePlace(id, (tree) => tree.end(id, openMax)),
    parkTask: async (id, { openMax }) => leavePlace(id, (tree) => tree.park(id, openMax)),

    async task(id) {
      return rootFor(sessions, id)?.tree?.get(id)
    },

    async tasks(rootId) {
      return sessions.get(rootId)?.tree?.all() ?? []
    },

    async unfinishedTasks(rootId) {
      return sessions.get(rootId)?.tree?.unfinished() ?? []
    },

    async noteSpending({ sessionId, claim }, spent) {
      const session = sessions.get(sessionId)
      if (session?.state !== 'running' || session.turn?.claim !== claim) return
      noteUnfinished(sessions, session, spent)
      sessions.put(session)
    },

    async spentBeside(sessionId) {
      const session = sessions.get(sessionId)
      const root = sessions.get(rootOf(sessionId))
      const others = root?.tree?.spentBeside(sessionId)
      const ofTask = isTaskId(sessionId) ? [session?.spent, root?.unfinishedSpent] : []
      return [root?.spent, others, ...ofTask].reduce<Spending>(
        (sum, spent) => addSpending(sum, spent ?? noSpending),
        noSpending,
      )
    },

    async removeTask(id) {
      const root = rootFor(sessions, id)
      if (root?.tree?.remove(id) === true) sessions.put(root)
    },

    async removedTasks(rootId) {
      return [...(sessions.get(rootId)?.tree?.removed ?? [])]
    },

    async forgetTasks(rootId, ids) {
      const root = sessions.get(rootId)
      const removed = ids.filter((id) => root?.tree?.removed.has(id) === true)
      if (root === undefined || removed.length === 0) return
      for (const id of removed) root.tree?.drop(id, { isRemoved: false })
      // A deleted session keeps its lifetime: the deletion of its tasks is no use of it.
      if (root.state !== 'deleted') sessions.put(root)
    },
  }
}

/**
 * Replaces the spending of the unfinished message of a session. The part of a task in its tree follows in the same
 * step, from all its messages, so each amount counts once, however often it is noted.
 */
export function noteUnfinished(
  sessions: SessionTable,
  session: MemorySession,
  unfinished: Spending = noSpending,
): void {
  session.unfinishedSpent = isNothing(unfinished) ? undefined : unfinished
  const { tree } = rootFor(sessions, session.id) ?? {}
  const part = addSpending(session.spent ?? noSpending, unfinished)
  tree?.noteSpending(session.id, part)
}

/** Whether the tree of a task has it. */
export function hasTask(sessions: SessionTable, id: string): boolean {
  return rootFor(sessions, id)?.tree?.get(id) !== undefined
}

/** Returns the root of a task. Returns undefined if it is deleted, and for an id that is not of a task. */
function rootFor(sessions: SessionTable, id: string): MemorySession | undefined {
  const rootId = rootOf(id)
  if (!isTaskId(id) || isTaskId(rootId)) return undefined
  const root = sessions.get(rootId)
  return root?.state === 'deleted' ? undefined : root
}
