/** The view of an answer: its parts, its notice, its buttons and its footer. */
import { button, copyButton, element, icon } from './playground-dom.js'
import { partView, viewKey } from './playground-parts.js'
import { isTool, joinedParts } from './playground-reading.js'
import { resultView } from './playground-result.js'
import { isWordsOfUser, userView } from './playground-user.js'

/**
 * Returns the view of an entry of `openChat`. An entry has a message, whether the message is still
 * streamed (`live`) or waits for the human (`waiting`), the end of its stream (`end`), and for a
 * posted message the result of the post (`state`).
 */
export function entryView(entry, actions) {
  if (entry.note !== undefined) return noteView(entry)
  if (entry.message.role !== 'user') return assistantView(entry, actions)
  return isWordsOfUser(entry.message) ? userView(entry, actions) : resultView(entry)
}

const noteView = ({ note }) => ({
  node: element('li', { class: 'message note' }, icon('hand'), element('p', {}, note)),
  update() {},
})

function assistantView(entry, actions) {
  const body = element('div', { class: 'parts' })
  const dots = element('div', { class: 'dots', 'aria-hidden': 'true' })
  dots.append(element('i'), element('i'), element('i'))
  const notice = element('div', { class: 'notice', hidden: true })
  const facts = element('span', { class: 'facts' })
  const redo = button({ label: 'Answer again', iconName: 'redo', iconOnly: true }, () =>
    actions.redo(entry),
  )
  const copying = copyButton(() => textOf(entry.message), 'Copy the answer')
  const foot = element('footer', {}, copying, redo, facts)
  const node = element(
    'li',
    { class: 'message assistant' },
    element('span', { class: 'unseen' }, 'Agent'),
    body,
    dots,
    notice,
    foot,
  )
  let views = []
  let shownEnd

  function update() {
    const { message, live, waiting } = entry
    const parts = joinedParts(message.parts)
    for (const [index, part] of parts.entries()) {
      if (views[index]?.key !== viewKey(part)) {
        for (const old of views.splice(index)) old.view.node.remove()
        const view = partView(part, boundActions(entry, actions))
        views.push({ key: viewKey(part), view })
        body.append(view.node)
      }
      views[index].view.update(part, entry)
    }
    for (const old of views.splice(parts.length)) old.view.node.remove()
    node.setAttribute('aria-busy', String(live))
    dots.hidden = !live || showsProgress(parts.at(-1))
    foot.hidden = live || waiting || parts.length === 0
    copying.hidden = textOf(message) === ''
    redo.hidden = entry.isFixed || endOf(entry) === 'error'
    facts.textContent = factsOf(message.metadata)
    showNotice()
  }

  function showNotice() {
    const end = entry.live ? undefined : `${endOf(entry)} ${entry.error ?? ''} ${entry.isFixed}`
    if (end === shownEnd) return
    shownEnd = end
    const content = end === undefined ? null : noticeFor(entry, actions)
    notice.hidden = content === null
    notice.replaceChildren(...(content ?? []))
    notice.dataset.kind = endOf(entry) ?? ''
  }

  update()
  return { node, update }
}

const boundActions = (entry, { answer, fail, decide, taskOf }) => ({
  taskOf: (part) => taskOf?.(entry.message, part),
  answer: (part, output) => answer(entry, part, output),
  fail: (part, errorText) => fail(entry, part, errorText),
  decide: (part, approved, reason) => decide(entry, part, { approved, reason }),
})

/** Whether the last part shows progress itself. If not, the dots show it. */
function showsProgress(part) {
  if (part === undefined) return false
  if (part.type === 'text' || part.type === 'reasoning')
    return part.state === 'streaming' && part.text !== ''
  return isTool(part) && (part.state.startsWith('input-') || part.preliminary === true)
}

function noticeFor(entry, actions) {
  if (endOf(entry) === 'abort') return [element('p', {}, 'Stopped.')]
  if (endOf(entry) !== 'error') return null
  const retry = () =>
    button({ label: 'Try again', iconName: 'redo', kind: 'plain' }, () => actions.retry(entry))
  return [icon('hand'), element('p', {}, problemOf(entry)), ...(entry.isFixed ? [] : [retry()])]
}

/** The failure of an answer as a text for the user. Empty if it did not fail. */
export const problemOf = (entry) =>
  endOf(entry) === 'error' ? entry.error || 'Something went wrong with this answer.' : ''

/** The end of an answer. A loaded answer has it in its metadata. */
const endOf = ({ end, live, message }) =>
  live ? undefined : (end ?? endsByOutcome[message.metadata?.outcome])

const endsByOutcome = { aborted: 'abort', error: 'error' }

/** The text of an answer, as Markdown. */
export const textOf = (message) =>
  joinedParts(message.parts)
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('\n\n')
    .trim()

/** "demo/assistant · 332 tokens in, 41 out · 1.4 s · first token after 0.2 s" */
function factsOf(metadata) {
  if (typeof metadata !== 'object' || metadata === null) return ''
  const { model, agent, usage, steps, durationMs, timeToFirstTokenMs } = metadata
  return [
    model ?? agent,
    tokens(usage),
    typeof steps === 'number' && steps > 1 ? `${steps} steps` : undefined,
    seconds(durationMs),
    typeof timeToFirstTokenMs === 'number'
      ? `first token after ${seconds(timeToFirstTokenMs)}`
      : undefined,
  ]
    .filter((fact) => typeof fact === 'string')
    .join(' · ')
}

function tokens(usage) {
  const { inputTokens, outputTokens } = usage ?? {}
  if (typeof inputTokens !== 'number' || typeof outputTokens !== 'number') return undefined
  if (inputTokens + outputTokens === 0) return undefined
  return `${inputTokens.toLocaleString('en')} tokens in, ${outputTokens.toLocaleString('en')} out`
}

function seconds(ms) {
  if (typeof ms !== 'number') return undefined
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`
}
