/**
 * What a call does to files: the passages that go and come, before it is allowed, and the diff that
 * came of it. Whatever else is in the value is shown beside it, as nobody is to allow what is not
 * shown; and what is spelled in any other way is left to the tree of fields.
 */
import { element, jsonView } from './playground-dom.js'

/** More lines than these are shown without colours. */
const linesMax = 2_000

/** The view of an edit that is asked for, or undefined where it is none. */
export function editView(value) {
  const { edits, ...rest } = fieldsOf(value)
  if (!Array.isArray(edits) || edits.length === 0 || !edits.every(isEdit)) return undefined
  return element('div', { class: 'change' }, fieldsNode(rest), ...edits.flatMap(editNodes))
}

/** The view of an output with a diff, or undefined where it has none. */
export function diffView(value) {
  const { diff, text, ...rest } = fieldsOf(value)
  if (typeof diff !== 'string' || !/^@@ /m.test(diff)) return undefined
  // What the model is told repeats the diff.
  const told = typeof text === 'string' ? text.replace(diff.trim(), () => '').trim() : text
  if (told !== undefined && told !== '') rest.text = told
  // Above the first place stand the names of the files, which are none of the lines that changed.
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
