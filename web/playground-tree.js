/**
 * The view of the tree above the message box: the conversation and its tasks, with their states, tokens and
 * cost. A task can be opened and stopped there.
 */
import { button, element, icon } from './playground-dom.js'
import {
  below,
  inOrder,
  isTask,
  isUnfinished,
  rootOf,
  spentText,
  stateWords,
  summaryOf,
} from './playground-tasks.js'

const icons = { waiting: 'hand', finished: 'check', failed: 'cross', stopped: 'cross' }

/** @param asks returns whether the open conversation shows a question */
export function openTree(node, { tree, asks }) {
  const words = element('span', { class: 'words' })
  const stopAll = button({ label: 'Stop all', iconName: 'stop', kind: 'plain' }, (event) => {
    event.preventDefault()
    void tree.stopAll()
  })
  const notice = element('p', { class: 'offer', role: 'status', hidden: true })
  const list = element('ol', { 'aria-label': 'Tasks' })
  const head = element('summary', {}, icon('chevron'), words, stopAll)
  node.append(head, notice, list)
  let isToggledByHuman = false
  let shown = ''
  let firstUnfinished
  head.addEventListener('click', () => (isToggledByHuman = true))

  function draw() {
    const { id, tasks } = tree
    node.hidden = tasks.length === 0
    if (node.hidden) {
      isToggledByHuman = false
      return
    }
    const unfinished = below(tasks, id).filter(isUnfinished)
    words.textContent = summaryOf(tasks)
    stopAll.hidden = unfinished.length === 0
    const count = unfinished.filter(({ background }) => background).length
    const offer =
      count === 1
        ? 'A background task continues. “Stop all” stops it too.'
        : `${count} background tasks continue. “Stop all” stops them too.`
    notice.textContent = tree.problem || (tree.isOffered ? offer : '')
    notice.hidden = notice.textContent === ''
    // Open while something runs and closed afterwards, unless the human has toggled it. A question in the
    // conversation needs the room.
    if (!isToggledByHuman) node.open = isTask(id) || (tasks.some(isUnfinished) && !asks())
    drawList()
  }

  function drawList() {
    const { id, tasks } = tree
    const root = rootOf(id)
    const state = JSON.stringify([id, tasks, tree.title])
    if (state === shown) return
    shown = state
    const { activeElement } = document
    const key = list.contains(activeElement) ? activeElement.dataset.key : undefined
    const { scrollTop } = list
    list.replaceChildren(
      rootRow(root, id),
      ...inOrder(tasks, root).map((task) => taskRow(task, id)),
    )
    list.scrollTop = scrollTop
    const same = [...list.querySelectorAll('[data-key]')].find(({ dataset }) => dataset.key === key)
    if (key !== undefined) same?.focus()
    showUnfinished(tasks)
  }

  /** Scrolls to the first unfinished task when another one is the first. */
  function showUnfinished(tasks) {
    const first = inOrder(tasks, rootOf(tree.id)).find(isUnfinished)?.id
    if (first === firstUnfinished) return
    firstUnfinished = first
    const row = [...list.querySelectorAll('a')].find(({ dataset }) => dataset.key === first)
    if (row !== undefined) list.scrollTop = row.offsetTop - list.offsetTop
  }

  const rootRow = (root, current) =>
    element(
      'li',
      {},
      link({ id: root, current }, icon('loom'), titleSpan(tree.title ?? 'The conversation')),
    )

  function taskRow(task, current) {
    const { id, agent, title, state, depth, error, background } = task
    const mark =
      icons[state] === undefined ? element('span', { class: 'spinner' }) : icon(icons[state])
    const facts = [stateWords[state], background ? 'in the background' : '', spentText([task])]
    const row = element(
      'li',
      { 'data-state': state, 'data-depth': String(Math.min(depth, 6)) },
      link(
        { id, current, hint: error },
        mark,
        element('code', { class: 'name' }, agent),
        titleSpan(title),
        element('span', { class: 'state' }, facts.filter(Boolean).join(' · ')),
      ),
    )
    if (isUnfinished(task)) {
      const stop = button({ label: `Stop “${title}”`, iconName: 'stop', iconOnly: true }, () => {
        stop.disabled = true
        void tree.stop(id)
      })
      stop.dataset.key = `stop ${id}`
      row.append(stop)
    }
    return row
  }

  const titleSpan = (text) => element('span', { class: 'title' }, text)

  const link = ({ id, current, hint }, ...children) =>
    element(
      'a',
      {
        href: `#chat=${encodeURIComponent(id)}`,
        'data-key': id,
        'aria-current': id === current && 'page',
        title: hint,
      },
      ...children,
    )

  return { draw }
}
