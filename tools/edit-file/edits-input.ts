/**
 * Reads the edits of a call in the shapes that models send: an array, one object, either of them as JSON
 * text, or the fields `old_string`, `new_string` and `replace_all` of other agents' tools.
 */
import { isFields } from '../../src/ground/fields.ts'
import { parseJson } from '../../src/ground/json.ts'
import { pathAliases, renameFields } from '../input-schema.ts'

const editAliases = {
  old: ['old_string', 'oldString', 'oldText', 'old_text', 'old_str'],
  new: ['new_string', 'newString', 'newText', 'new_text', 'new_str'],
  replace_all: ['replaceAll'],
} as const

/** Returns the input with the field names of the schema. */
export function editFields(input: Record<string, unknown>): Record<string, unknown> {
  const {
    old,
    new: replacement,
    replace_all,
    edits,
    ...rest
  } = renameFields(input, {
    ...pathAliases,
    ...editAliases,
  })
  const list = listOf(edits)
  const single = old === undefined && replacement === undefined ? [] : [{ old, new: replacement }]
  const all = Array.isArray(list) ? [...list, ...single] : list
  return { ...rest, edits: Array.isArray(all) ? all.map((edit) => editOf(edit, replace_all)) : all }
}

function listOf(edits: unknown): unknown {
  if (edits === undefined) return []
  if (typeof edits === 'string') return listOf(parseEdits(edits))
  return isFields(edits) ? [edits] : edits
}

/** Parses JSON text. Other text stays as it is, and the schema reports the error. */
function parseEdits(text: string): unknown {
  try {
    const value = parseJson(text)
    return typeof value === 'string' ? [value] : value
  } catch {
    return [text]
  }
}

function editOf(edit: unknown, replaceAll: unknown): unknown {
  if (!isFields(edit)) return edit
  const fields = renameFields(edit, editAliases)
  if (fields['replace_all'] === null || fields['replace_all'] === undefined) {
    return { ...fields, replace_all: replaceAll === true }
  }
  return fields
}
