/** A message on the page: its parts, its notices, what can be done with it, and the quiet footer. */
import { button, copyButton, element, icon } from './playground-dom.js'
import { fileNode, partView, viewKey } from './playground-parts.js'
import { isTool } from './playground-stream.js'

/**
 * An entry is `{ message, live, waiting, last, end, error, inputs }`: the message, whether it is being
 * written, whether its open tool calls wait for the human, and how its last stream ended.
 */
export function entryView(entry, actions) {
  return entry.message.role === 'user' ? userView(entry) : assistantView(entry, actions)
}

function userView({ message }) {
  const files = message.parts.filter((part) => part.type === 'file')
  const text = message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const node = element(
    'li',
    { class: 'message user' },
    element('span', { class: 'unseen' }, 'You'),
    files.length > 0 ? element('div', { class: 'files' }, ...files.map(fileNode)) : null,
    text === '' ? null : element('p', { class: 'bubble' }, text),
  )
  return { node, update() {} }
}

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
    const { message, live, last } = entry
    const parts = message.parts
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
    dots.hidden = !live || isTalking(parts.at(-1))
    foot.hidden = live || (parts.length === 0 && entry.end !== 'finish')
    copying.hidden = textOf(message) === ''
    redo.hidden = !last
    facts.textContent = factsOf(message.metadata)
    showNotice()
  }

  function showNotice() {
    const end = entry.live ? undefined : `${entry.end} ${entry.error ?? ''} ${entry.last}`
    if (end === shownEnd) return
    shownEnd = end
    const content = end === undefined ? null : noticeFor(entry, actions)
    notice.hidden = content === null
    notice.replaceChildren(...(content ?? []))
    notice.dataset.kind = entry.end ?? ''
  }

  update()
  return { node, update }
}

const boundActions = (entry, { answer, fail, decide }) => ({
  answer: (part, output) => answer(entry, part, output),
  fail: (part, errorText) => fail(entry, part, errorText),
  decide: (part, approved, reason) => decide(entry, part, { approved, reason }),
})

/** While words come, they are the sign of life; otherwise the dots are. */
function isTalking(part) {
  if (part === undefined) return false
  if (part.type === 'text' || part.type === 'reasoning')
    return part.state === 'streaming' && part.text !== ''
  return isTool(part) && (part.state.startsWith('input-') || part.preliminary === true)
}

function noticeFor(entry, actions) {
  const retry = () =>
    entry.last
      ? button({ label: 'Try again', iconName: 'redo', kind: 'plain' }, () => actions.retry(entry))
      : null
  switch (entry.end) {
    case 'error':
      return present([icon('hand'), element('p', {}, problemOf(entry)), retry()])
    case 'cut':
      return present([icon('hand'), element('p', {}, problemOf(entry)), retry()])
    case 'stopped':
    case 'abort':
      return [element('p', {}, 'Stopped.')]
    default:
      return null
  }
}

/** What went wrong with an answer, for people; empty where nothing did. */
export function problemOf({ end, error }) {
  if (end === 'cut') return 'The connection was lost before the answer was complete.'
  return end === 'error' ? error || 'Something went wrong.' : ''
}

const present = (nodes) => nodes.filter((node) => node !== null)

/** The words of an answer, as Markdown. */
export const textOf = (message) =>
  message.parts
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
