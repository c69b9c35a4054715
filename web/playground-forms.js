/**
 * The forms of tool calls: a decision, an answer, or the output of a tool that the human runs. A
 * form is removed after its use. The part of the call contains its result.
 */
import { button, element } from './playground-dom.js'
import { toolNameOf } from './playground-reading.js'

/** Returns the form of a call, or null if the call needs none. */
export function formFor(part, entry, actions) {
  if (!needsAnswer(part, entry)) return null
  if (part.state === 'approval-requested') return approvalForm(part, actions)
  return isQuestion(part) ? humanForm(part, actions) : jsonForm(part, actions)
}

/** The tool `human`. The question of a task is a part of the root with the name `<agent>.human`. */
const isQuestion = (part) => /^(?:.+\.)?human$/.test(toolNameOf(part))

/**
 * Whether the human must act on a call. A message that waits for two answers runs for a moment
 * after the first one. The second call needs its answer during this time too.
 */
export function needsAnswer(
  { state, toolCallId, providerExecuted },
  { live, waiting, openCalls, sent },
) {
  if (state !== 'approval-requested' && state !== 'input-available') return false
  if (providerExecuted || sent?.has(toolCallId)) return false
  return waiting || (live && openCalls?.has(toolCallId)) || false
}

function approvalForm(part, { decide }) {
  const reason = element('input', {
    type: 'text',
    placeholder: 'Why not? (optional)',
    'aria-label': 'Reason for denying',
    maxlength: '500',
  })
  const answer = (approved) => decide(part, approved, approved ? '' : reason.value.trim())
  const form = element(
    'form',
    { class: 'approval', 'aria-label': `Approval of ${toolNameOf(part)}` },
    element(
      'p',
      {},
      'The agent wants to run ',
      element('code', {}, toolNameOf(part)),
      ` with the input above${lengthOf(part.input)}. Allow it?`,
    ),
    element(
      'div',
      { class: 'row' },
      button({ label: 'Approve', iconName: 'check', kind: 'primary' }, () => answer(true)),
      button({ label: 'Deny', iconName: 'cross', kind: 'plain' }, () => answer(false)),
      reason,
    ),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    answer(false)
  })
  return form
}

/** The length of a long input, because the human may see only its end. */
function lengthOf(input) {
  const lines = linesIn(input)
  return lines > 20 ? `, all of its ${lines} lines` : ''
}

/** Counts lines. A value that is not a text counts as one line. */
const linesIn = (value) =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce((sum, entry) => sum + linesIn(entry), 0)
    : String(value).replace(/\n$/, '').split('\n').length

function humanForm(part, { answer }) {
  const { question, options, default: fallback } = part.input ?? {}
  const field = element('input', {
    type: 'text',
    'aria-label': 'Your answer',
    placeholder:
      fallback === undefined ? 'Your answer' : `Your answer (or just Enter: ${fallback})`,
  })
  const choices = Array.isArray(options) ? options.map(String) : []
  const form = element(
    'form',
    { class: 'question', 'data-own': 'true' },
    element('p', { class: 'asked' }, String(question ?? 'The agent asks you something.')),
    choices.length === 0
      ? null
      : element(
          'div',
          { class: 'row', role: 'group', 'aria-label': 'Answers to choose from' },
          ...choices.map((choice) =>
            button({ label: choice, kind: 'plain' }, () => answer(part, choice)),
          ),
        ),
    element('div', { class: 'row' }, field, element('button', { class: 'primary' }, 'Answer')),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const text = field.value.trim() || (fallback === undefined ? '' : String(fallback))
    if (text === '') field.focus()
    else answer(part, text)
  })
  return form
}

function jsonForm(part, { answer, fail }) {
  const field = element('textarea', {
    rows: '3',
    spellcheck: 'false',
    'aria-label': `Output of ${toolNameOf(part)} as JSON`,
    placeholder: '{ "result": … }',
  })
  const problem = element('p', { class: 'problem', role: 'alert' })
  const read = () => {
    try {
      return { value: JSON.parse(field.value) }
    } catch (error) {
      problem.textContent = `This is not JSON yet: ${error.message}`
      field.focus()
      return null
    }
  }
  const form = element(
    'form',
    { class: 'answer' },
    element('p', {}, 'You run this tool. What did it return?'),
    field,
    problem,
    element(
      'div',
      { class: 'row' },
      element('button', { class: 'primary' }, 'Return'),
      button({ label: 'It failed', kind: 'plain' }, () =>
        fail(part, field.value.trim() || 'The tool failed.'),
      ),
    ),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const output = read()
    if (output !== null) answer(part, output.value)
  })
  return form
}
