/**
 * The tree of a conversation: its root, and the tasks that sub-agents work on. Each task is a conversation of
 * its own, so the page opens it like any other. No DOM. The tree is read from the root, so that it is the
 * same for each of its conversations.
 */

const taskSuffix = /~[0-9a-z]{26}$/

/** The id of a task is that of its root, `~`, and 26 letters and digits. */
export const isTask = (id) => taskSuffix.test(id)

export const rootOf = (id) => id.replace(taskSuffix, '')

export const isUnfinished = ({ state }) =>
  state === 'queued' || state === 'running' || state === 'waiting'

/** The interval at which the page reads a tree in which something runs, in milliseconds. */
const lookMs = 1000

/** The same for a tree that only waits for a human, as a multiple. */
const waitingFactor = 3

/** Above this number of tasks, the page reads the list less often in proportion, because each read has all of it. */
const smallMax = 200

/**
 * @param onChange called after each change of the tree
 * @param isHidden returns whether nobody sees the page, so that it need not read
 */
export function openTasks({
  server,
  onChange = () => {},
  isHidden = () => false,
  intervalMs = lookMs,
}) {
  const tree = {
    /** The id of the open conversation. */
    id: undefined,
    /** The title of the root. Undefined if it is not known yet. */
    title: undefined,
    /** The tasks below the root, as `GET /api/chat/:id/tasks` lists them. */
    tasks: [],
    /** Whether a stop left background tasks running, so that the page offers to stop them too. */
    isOffered: false,
    /** The text of the last failed action. Empty if there is none. */
    problem: '',
  }
  let root
  let isBusy = false
  let seen = ''
  let reading
  let timer

  async function read() {
    clearTimeout(timer)
    timer = undefined
    const asked = root
    const [tasks, title] = await Promise.all([
      server.tasks(asked).catch(() => undefined),
      tree.title ?? titleOf(asked),
    ])
    if (asked !== root) return
    if (title !== tree.title) {
      tree.title = title
      onChange()
    }
    if (tasks !== undefined && JSON.stringify(tasks) !== JSON.stringify(tree.tasks)) {
      tree.tasks = tasks
      tree.isOffered &&= unfinishedBelow().some(({ background }) => background)
      onChange()
    }
    readLater()
  }

  function readLater() {
    const unfinished = tree.tasks.filter(isUnfinished)
    if (!isBusy && unfinished.length === 0) return
    const runs = isBusy || unfinished.some(({ state }) => state !== 'waiting')
    const next = () => (isHidden() ? readLater() : look())
    const sizeFactor = Math.max(1, tree.tasks.length / smallMax)
    timer = setTimeout(next, intervalMs * sizeFactor * (runs ? 1 : waitingFactor))
  }

  /** The title of the root, for a page that opened one of its tasks. */
  const titleOf = (id) =>
    server.session(id).then(
      (record) => record.title,
      () => undefined,
    )

  function look() {
    reading ??= read().finally(() => (reading = undefined))
    return reading
  }

  const unfinishedBelow = () => below(tree.tasks, tree.id).filter(isUnfinished)

  /** Runs the action of a button and shows its result. */
  async function act(work) {
    tree.problem = ''
    try {
      await work()
    } catch (error) {
      tree.problem = error.message
      onChange()
    }
    await reading
    await look()
  }

  return Object.assign(tree, {
    look,
    /**
     * Shows the tree of a conversation, and reads it again after a change of the conversation. While the
     * conversation calls sub-agents or has unfinished tasks, it reads again and again.
     */
    show({ id, isNew, isLoaded, record, entries }) {
      const mark = JSON.stringify([id, record?.state, record?.updatedAt, record?.messageId])
      const isMoved = tree.id !== id
      tree.id = id
      isBusy = entries.some(({ live, message }) => live && message.parts.some(isOfTask))
      if (rootOf(id) !== root) {
        root = rootOf(id)
        Object.assign(tree, { title: undefined, tasks: [], isOffered: false, problem: '' })
        clearTimeout(timer)
        reading = undefined
      }
      if (id === root) tree.title = record?.title ?? tree.title
      if (isMoved) onChange()
      const isWatched = !isBusy || timer !== undefined || reading !== undefined
      if (isNew || !isLoaded || (mark === seen && isWatched)) return
      seen = mark
      void look()
    },
    /** Returns the task that a call started. */
    taskOf: (message, { toolCallId }) =>
      tree.tasks.find((task) => task.toolCallId === toolCallId && task.messageId === message.id),
    /** Offers to stop the background tasks, which a stop of the conversation does not stop. */
    offerStop() {
      if (!unfinishedBelow().some(({ background }) => background)) return
      tree.isOffered = true
      onChange()
    },
    stop: (id) => act(() => server.stop(id)),
    /** Stops the conversation and all tasks below it. */
    stopAll: () => act(() => server.stop(tree.id, { tree: true })),
    /** Stops reading. */
    close: () => clearTimeout(timer),
  })
}

/** Whether a part may be the call of a sub-agent: its output is a report. */
const isOfTask = ({ output }) => typeof output?.text === 'string' && Array.isArray(output.toolCalls)

/** The tasks below a conversation, at any depth. */
export function below(tasks, id) {
  const ids = new Set([id])
  return tasks.filter((task) => ids.has(task.parentId) && ids.add(task.id))
}

/** The tasks in the order of the tree: each one before those below it. */
export function inOrder(tasks, parentId) {
  return tasks
    .filter((task) => task.parentId === parentId)
    .flatMap((task) => [task, ...inOrder(tasks, task.id)])
}

/** "3 tasks: 1 running, 2 finished", and the sum of the tokens and the cost. */
export function summaryOf(tasks) {
  const counts = states.flatMap((state) => {
    const count = tasks.filter((task) => task.state === state).length
    return count === 0 ? [] : `${count} ${stateWords[state]}`
  })
  const number = tasks.length === 1 ? '1 task' : `${tasks.length} tasks`
  return [`${number}: ${counts.join(', ')}`, spentText(tasks)].filter(Boolean).join(' · ')
}

const states = ['waiting', 'running', 'queued', 'finished', 'failed', 'stopped']

export const stateWords = {
  queued: 'queued',
  running: 'running',
  waiting: 'waiting for you',
  finished: 'finished',
  failed: 'failed',
  stopped: 'stopped',
}

/** "3,120 tokens · $0.0123". A cost that is known only in part is "at least" that much. */
export function spentText(tasks) {
  const spent = tasks.flatMap((task) => task.spent ?? [])
  const tokens = spent.reduce((sum, { usage }) => sum + (usage.totalTokens ?? 0), 0)
  const usd = spent.reduce((sum, { cost }) => sum + (cost?.usd ?? 0), 0)
  const isKnown = spent.every(({ cost }) => cost !== undefined)
  return [
    tokens > 0 ? `${tokens.toLocaleString('en')} tokens` : '',
    usd > 0 ? `${isKnown ? '' : 'at least '}$${usd.toFixed(usd < 0.01 ? 4 : 2)}` : '',
  ]
    .filter(Boolean)
    .join(' · ')
}
