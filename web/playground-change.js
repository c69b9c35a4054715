/**
 * The changes that a call makes to files: the removed and added text before the approval, and the
 * diff after the call. The other fields of the value are shown too, because a human must see
 * everything before the approval. Values of any other form are shown as a tree of fields.
 */
import { element, jsonView } from './playground-dom.js'

/** More lines than these are shown without colours. */
const linesMax = 2_000

/** Returns the view of a requested edit, or undefined if the value is not an edit. */
export function editView(value) {
  const { edits, ...rest } = fieldsOf(value)
  if (!Array.isArray(edits) || edits.length === 0 || !edits.every(isEdit)) return undefined
  return element('div', { class: 'change' }, fieldsNode(rest), ...edits.flatMap(editNodes))
}

/** Returns the view of an output with a diff, or undefined if it has none. */
export function diffView(value) {
  const { diff, text, ...rest } = fieldsOf(value)
  if (typeof diff !== 'string' || !/^@@ /m.test(diff)) return undefined
  // The text for the model repeats the diff.
  const summary = typeof text === 'string' ? text.replace(diff.trim(), () => '').trim() : text
  if (summary !== undefined && summary !== '') rest.text = summary
  // The lines before the first hunk are file names and not changed lines.
  const lines = diff.slice(diff.search(/^@@ /m)).replace(/\n$/, '').split('\n')
  return element('div', { class: 'change' }, fieldsNode(rest), linesNode(lines.map(diffLine)))
}

const fieldsOf = (value) => (typeof value === 'object' && value !== null ? value : {})

const isEdit = (edit) =>
  typeof fieldsOf(edit).old === 'string' && typeof fieldsOf(edit).new === 'string'

const fieldsNode = (fields) =>
  Object.keys(fields).length === 0 ? null : jsonView(fields, { open: true })

function editNodes({ old, new: replacement, ...rest }) {
  const lines = [
    ...linesOf(old).map((line) => ['removed', `-${line}`]),
    ...linesOf(replacement).map((line) => ['added', `+${line}`]),
  ]
  return [fieldsNode(rest), linesNode(lines)]
}

const linesOf = (text) => (text === '' ? [] : text.replace(/\n$/, '').split('\n'))

function diffLine(line) {
  if (line.startsWith('+')) return ['added', line]
  if (line.startsWith('-')) return ['removed', line]
  return [line.startsWith('@@') ? 'place' : 'kept', line]
}

function linesNode(lines) {
  const more = lines.slice(linesMax).map(([, text]) => `${text}\n`)
  return element(
    'pre',
    { class: 'diff' },
    ...lines
      .slice(0, linesMax)
      .map(([kind, text]) => element('span', { class: kind }, `${text}\n`)),
    more.length > 0 ? more.join('') : null,
  )
}
