/**
 * The card of a tool call. Closed, it is one line. Open, it shows the input and the output. An
 * update changes only the parts that differ, so that a form in the card survives the rest of the
 * stream.
 */
import { diffView, editView } from './playground-change.js'
import { element, icon, jsonView } from './playground-dom.js'
import { formFor, needsAnswer } from './playground-forms.js'
import { showInvisible } from './playground-invisible.js'
import { renderMarkdown } from './playground-markdown.js'
import { toolNameOf } from './playground-reading.js'

/** The icon and the label of a call, and whether the card opens automatically. */
function statusOf(part, entry, task) {
  const { live, sent } = entry
  switch (part.state) {
    case 'input-streaming':
      return { icon: 'spinner', label: 'preparing' }
    case 'input-available':
    case 'approval-requested': {
      const approves = part.state === 'approval-requested'
      if (needsAnswer(part, entry)) {
        const label = approves ? 'needs your approval' : 'waits for you'
        return { icon: 'hand', label, open: true, tone: 'ask' }
      }
      if (sent?.has(part.toolCallId)) return { icon: 'spinner', label: 'sent' }
      if (live) return { icon: 'spinner', label: approves ? 'will need your approval' : 'running' }
      return { icon: 'cross', label: approves ? 'not decided' : 'not outputText', tone: 'muted' }
    }
    case 'approval-responded':
      return part.approval?.approved
        ? { icon: live ? 'spinner' : 'check', label: 'approved' }
        : { icon: 'cross', label: 'denied', tone: 'muted' }
    case 'output-available':
      if (!part.preliminary) return { icon: 'check', label: 'done', tone: 'good' }
      if (task?.state === 'waiting') return { icon: 'hand', label: 'waits for an answer' }
      if (live) return { icon: 'spinner', label: 'working', open: true }
      return entry.waiting
        ? { icon: 'hand', label: 'waits for an answer' }
        : { icon: 'cross', label: 'interrupted', tone: 'muted' }
    case 'output-error':
      if (task?.state === 'stopped') return { icon: 'cross', label: 'stopped', tone: 'muted' }
      return { icon: 'cross', label: 'failed', open: true, tone: 'bad' }
    default:
      return { icon: 'cross', label: 'denied', tone: 'muted' }
  }
}

export function toolView(first, actions) {
  const mark = element('span', { class: 'mark' })
  const brief = element('span', { class: 'brief' })
  const label = element('span', { class: 'state' })
  const input = section('Input', inputView)
  const output = section('Output', outputView)
  const links = element('div', { class: 'links' })
  const form = element('div', { class: 'form' })
  const node = element(
    'details',
    { class: 'card tool' },
    element(
      'summary',
      {},
      mark,
      element('code', { class: 'name' }, first.title ?? toolNameOf(first)),
      brief,
      label,
      icon('chevron'),
    ),
    element('div', { class: 'card-body' }, input.node, output.node, links, form),
  )
  let isToggledByHuman = false
  let shownState = ''
  let shownBrief = ''
  node.firstChild.addEventListener('click', () => (isToggledByHuman = true))

  function update(part, entry) {
    const task = actions.taskOf?.(part)
    if (task !== undefined && links.childNodes.length === 0) links.append(taskLink(task.id))
    const status = statusOf(part, entry, task)
    const state = `${part.state} ${status.label}`
    const words = briefOf(part)
    if (words !== shownBrief) {
      shownBrief = words
      brief.textContent = words
      showInvisible(brief)
    }
    input.show(part.input, entry.inputs?.get(part.toolCallId))
    output.show(part.errorText ?? (part.state === 'output-available' ? part.output : undefined))
    if (state === shownState) return
    shownState = state
    // Each new state opens or closes the card once.
    if (!isToggledByHuman || status.open) node.open = status.open === true
    node.dataset.tone = status.tone ?? ''
    label.textContent = status.label
    mark.replaceChildren(
      status.icon === 'spinner' ? element('span', { class: 'spinner' }) : icon(status.icon),
    )
    output.rename(part.errorText === undefined ? 'Output' : 'Error')
    const shown = formFor(part, entry, actions)
    form.replaceChildren(...(shown === null ? [] : [shown]))
    showInvisible(form)
    input.node.hidden ||= shown?.dataset.own === 'true'
  }

  return { node, update }
}

/**
 * Shows the whole input, with invisible characters, because a human may have to decide about it.
 */
function inputView(body, value) {
  body.replaceChildren(editView(value) ?? jsonView(value, { open: true }))
  showInvisible(body)
}

function outputView(body, value) {
  if (isReport(value)) showReport(body, value)
  else body.replaceChildren(diffView(value) ?? jsonView(value))
}

/** A labelled value that is drawn again only if it has changed. */
function section(title, draw) {
  const head = element('h4', {}, title)
  const body = element('div')
  const node = element('section', { hidden: true }, head, body)
  let shown
  return {
    node,
    rename: (text) => (head.textContent = text),
    show(value, raw) {
      const seen = value ?? raw
      if (seen === shown) return
      shown = seen
      node.hidden =
        seen === undefined || seen === '' || (draw === outputView && isEmptyReport(value))
      if (node.hidden) return
      if (value === undefined) body.replaceChildren(element('pre', {}, raw))
      else draw(body, value)
    },
  }
}

/** Whether the value is the output of a sub-agent: its text so far, and its tool calls. */
const isReport = (value) =>
  typeof value === 'object' &&
  value !== null &&
  typeof value.text === 'string' &&
  Array.isArray(value.toolCalls)

const isEmptyReport = (value) =>
  isReport(value) && value.text === '' && value.toolCalls.length === 0

function showReport(body, { text, toolCalls }) {
  const calls = toolCalls.map(({ toolName, state }) =>
    element(
      'li',
      { class: 'chip', 'data-state': state },
      state === 'running'
        ? element('span', { class: 'spinner' })
        : icon(state === 'done' ? 'check' : 'cross'),
      element('code', {}, String(toolName)),
    ),
  )
  let prose = body.querySelector(':scope > .prose')
  if (prose === null) {
    prose = element('div', { class: 'prose' })
    body.replaceChildren(element('ul', { class: 'chips' }), prose)
  }
  body.firstChild.replaceChildren(...calls)
  body.firstChild.hidden = calls.length === 0
  renderMarkdown(prose, text)
}

/** The link to the conversation in which a sub-agent works. */
export const taskLink = (id) =>
  element(
    'a',
    { class: 'task-link', href: `#chat=${encodeURIComponent(id)}` },
    element('span', {}, 'Open this task'),
    icon('chevron'),
  )

/** The line of a closed card: the input and the output. */
function briefOf(part) {
  const { input, state, output, preliminary, errorText } = part
  const inputText = shortOf(mainOf(input))
  if (state === 'output-error') return joinBrief(inputText, shortOf(errorText))
  if (state !== 'output-available' || preliminary) return inputText
  return joinBrief(inputText, isReport(output) ? '' : shortOf(textForModel(output)))
}

const joinBrief = (inputText, outputText) =>
  [inputText, outputText].filter((text) => text !== '').join('  →  ')

/** The most important field of an input, or the whole input. */
function mainOf(input) {
  const name = mainFields.find((name) => typeof input?.[name] === 'string')
  return name === undefined ? input : input[name]
}

const mainFields = [
  ...['question', 'command', 'path', 'file_path'],
  ...['pattern', 'expr', 'prompt', 'query', 'url'],
]

/** The first line of the text for the model, if the output has one. */
const textForModel = (output) =>
  typeof output?.text === 'string' ? output.text.trim().split('\n', 1)[0] : output

function shortOf(value) {
  if (value === undefined || value === null) return ''
  const values = typeof value === 'object' ? Object.values(value) : [value]
  // A single value needs no name. Several values do.
  const text =
    values.length === 1 && typeof values[0] !== 'object'
      ? String(values[0])
      : values.length === 0
        ? ''
        : JSON.stringify(value)
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}
