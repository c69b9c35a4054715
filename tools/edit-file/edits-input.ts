/**
 * The edits of a call in all the shapes that models send: an array, one object, either of them as JSON
 * text, and the `old_string`, `new_string`, `replace_all` of other agents' tools.
 */
import { isFields } from '../../src/fields.ts'
import { parseJson } from '../../src/json.ts'
import { pathAliases, renamed } from '../input-schema.ts'

const editAliases = {
  old: ['old_string', 'oldString', 'oldText', 'old_text', 'old_str'],
  new: ['new_string', 'newString', 'newText', 'new_text', 'new_str'],
  replace_all: ['replaceAll'],
} as const

/** The fields as the schema names them. */
export function editFields(given: Record<string, unknown>): Record<string, unknown> {
  const {
    old,
    new: replacement,
    replace_all,
    edits,
    ...rest
  } = renamed(given, {
    ...pathAliases,
    ...editAliases,
  })
  const listed = listOf(edits)
  const single = old === undefined && replacement === undefined ? [] : [{ old, new: replacement }]
  const all = Array.isArray(listed) ? [...listed, ...single] : listed
  return { ...rest, edits: Array.isArray(all) ? all.map((edit) => editOf(edit, replace_all)) : all }
}

function listOf(edits: unknown): unknown {
  if (edits === undefined) return []
  if (typeof edits === 'string') return listOf(parsed(edits))
  return isFields(edits) ? [edits] : edits
}

/** Text that is no JSON stays as it is: the schema says what is wrong with it. */
function parsed(text: string): unknown {
  try {
    const value = parseJson(text)
    return typeof value === 'string' ? [value] : value
  } catch {
    return [text]
  }
}

function editOf(edit: unknown, replaceAll: unknown): unknown {
  if (!isFields(edit)) return edit
  const fields = renamed(edit, editAliases)
  if (fields['replace_all'] === null || fields['replace_all'] === undefined) {
    return { ...fields, replace_all: replaceAll === true }
  }
  return fields
}
