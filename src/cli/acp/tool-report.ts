/**
 * Tool calls as an editor shows them: a title, a kind, the files, and the content. Loom's own tools have diffs and
 * paths. A tool of the user is known only by the fields of its input and output.
 */
import { isAbsolute, resolve } from 'node:path'

import type { Diff, ToolCallContent, ToolCallLocation, ToolKind } from '@agentclientprotocol/sdk'

import { fieldsOf, textField } from '../../ground/fields.ts'
import { plain } from '../render/plain.ts'
import { callText, resultText } from '../render/tool-lines.ts'

export interface Call {
  toolName: string
  input: unknown
}

const kinds: Readonly<Record<string, ToolKind>> = {
  read_file: 'read',
  grep: 'search',
  glob: 'search',
  edit_file: 'edit',
  write_file: 'edit',
  bash: 'execute',
}

export function kindOf({ toolName, input }: Call): ToolKind {
  const known = Object.hasOwn(kinds, toolName) ? kinds[toolName] : undefined
  if (known !== undefined) return known
  return textField(input, 'command') === undefined ? 'other' : 'execute'
}

export const titleOf = (call: Call): string => callText(call)

/** @param directory the folder of the agent. Undefined if it is not on this machine */
export function locationsIn(input: unknown, directory: string | undefined): ToolCallLocation[] {
  const named = textField(input, 'path') ?? textField(input, 'file_path')
  const path = named === undefined ? undefined : wholePath(named, directory)
  if (path === undefined) return []
  const { offset, line = offset } = fieldsOf(input)
  return [{ path, ...(typeof line === 'number' && Number.isInteger(line) && line > 0 && { line }) }]
}

/** An editor takes only absolute paths. */
function wholePath(path: string, directory: string | undefined): string | undefined {
  if (isAbsolute(path)) return path
  return directory === undefined ? undefined : resolve(directory, path)
}

/** The content of a call before it runs: the changes that it would make. */
export function inputContent({ input }: Call, directory: string | undefined): ToolCallContent[] {
  const { path: named, content, edits } = fieldsOf(input)
  const path = typeof named === 'string' ? (wholePath(named, directory) ?? named) : undefined
  if (path === undefined) return []
  if (Array.isArray(edits)) {
    return edits.flatMap((edit: unknown) => {
      const { old: oldText, new: newText } = fieldsOf(edit)
      const isEdit = typeof oldText === 'string' && typeof newText === 'string'
      return isEdit ? [{ type: 'diff' as const, path, oldText, newText }] : []
    })
  }
  return typeof content === 'string' ? [{ type: 'diff', path, newText: content }] : []
}

/** The content of a call that has ended. Undefined keeps the content that the editor has. */
export function outputContent(
  call: Call,
  output: unknown,
  directory: string | undefined,
): ToolCallContent[] | undefined {
  const diff = textField(output, 'diff')
  const named = textField(output, 'path') ?? textField(call.input, 'path')
  if (diff !== undefined && named !== undefined) {
    const path = wholePath(named, directory) ?? named
    const hunks = hunksOf(diff).map((hunk) => ({ type: 'diff' as const, path, ...hunk }))
    return hunks.length === 0 ? undefined : hunks
  }
  // The diff of a whole file that was written says more than the words of its result.
  if (inputContent(call, directory).length > 0) return undefined
  const text = plain(resultText(output)).trimEnd()
  if (text === '') return []
  return [textContent(kindOf(call) === 'execute' ? fenced(text) : text)]
}

export const textContent = (text: string): ToolCallContent => ({
  type: 'content',
  content: { type: 'text', text },
})

/** The text as a block of Markdown, whatever it contains. */
export function fenced(text: string): string {
  const ticks = [...text.matchAll(/`{3,}/g)].map(([run]) => run.length)
  const fence = '`'.repeat(Math.max(3, ...ticks.map((length) => length + 1)))
  return `${fence}\n${text}\n${fence}`
}

/** The changes of a unified diff, each with the lines around it. */
export function hunksOf(diff: string): Pick<Diff, 'oldText' | 'newText'>[] {
  const hunks: { before: string[]; after: string[] }[] = []
  for (const line of diff.replace(/\n$/, '').split('\n')) {
    if (line.startsWith('@@')) hunks.push({ before: [], after: [] })
    const hunk = hunks.at(-1)
    if (hunk === undefined || line.startsWith('@@') || line.startsWith('\\')) continue
    if (!line.startsWith('+')) hunk.before.push(line.slice(1))
    if (!line.startsWith('-')) hunk.after.push(line.slice(1))
  }
  return hunks.map(({ before, after }) => ({
    oldText: before.join('\n'),
    newText: after.join('\n'),
  }))
}
