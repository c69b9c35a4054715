/** The input and the output of a tool call, as a few lines for the user. */
import { fieldsOf, textField } from '../../ground/fields.ts'
import { diffLines, replacementLines } from './diff.ts'
import { plain, plainLine, visibleText, visibleLine } from './plain.ts'
import type { Paint } from './style.ts'
import { cutTo, widthOf } from './width.ts'

export interface ToolLineOptions {
  width: number
  /** Columns that the first line of a result leaves free. @defaultValue 0 */
  reserve?: number
  paint: Paint
}

const outputLinesMax = 5
const changeLinesMax = 40

/** The call on one line: `bash ls -l`. */
export function callLine(
  { toolName, input }: { toolName: string; input: unknown },
  { width, paint }: ToolLineOptions,
): string {
  const name = plainLine(toolName)
  const text = cutTo(inputText(input), width - name.length - 4)
  return `${paint('cyan', '●')} ${paint('bold', name)}${text === '' ? '' : ` ${text}`}`
}

/** The call as a short text before its result. */
export function callText({ toolName, input }: { toolName: string; input: unknown }): string {
  const text = cutTo(inputText(input), 40)
  return text === '' ? plainLine(toolName) : `${plainLine(toolName)} ${text}`
}

/** Whether the line of the call shows its whole input. */
export function isInCallLine(
  { toolName, input }: { toolName: string; input: unknown },
  { width }: ToolLineOptions,
): boolean {
  const values = Object.values(fieldsOf(input))
  const [only] = values
  if (values.length !== 1 || typeof only !== 'string') return values.length === 0
  return !only.includes('\n') && widthOf(inputText(input)) <= width - toolName.length - 4
}

/** The most important field of the input, or the whole input. */
function inputText(input: unknown): string {
  // The question itself follows below.
  if (textField(input, 'question') !== undefined) return 'asks'
  const fields = Object.entries(fieldsOf(input))
  const main = mainFields.map((name) => textField(input, name)).find((text) => text !== undefined)
  if (typeof input === 'string') return visibleLine(input)
  if (main !== undefined) return visibleLine(main)
  if (fields.length === 0) return ''
  const [[, only] = []] = fields
  if (fields.length === 1 && typeof only === 'string') return visibleLine(only)
  return visibleLine(fields.map(([name, value]) => fieldText(name, value)).join(' '))
}

const mainFields = ['command', 'path', 'file_path', 'pattern', 'expr', 'prompt', 'query', 'url']

/** The whole input of a call, for the human who decides about it. */
export function requestLines(
  { toolName, input }: { toolName: string; input: unknown },
  { paint }: ToolLineOptions,
): string[] {
  const { command, ...besides } = fieldsOf(input)
  if (typeof command === 'string')
    return [
      ...visibleText(command)
        .split('\n')
        .map((line) => `  ${paint('bold', line)}`),
      ...fieldLines(besides),
    ]
  const { path, content, edits, ...others } = fieldsOf(input)
  const changes = changeLines({ content, edits }, paint)
  if (typeof path !== 'string' || changes === undefined) {
    const text = JSON.stringify(input, undefined, 2) ?? ''
    return visibleText(text)
      .split('\n')
      .map((line) => `  ${line}`)
  }
  const what = `  ${plainLine(toolName)} ${paint('bold', visibleLine(path))}`
  // The changes are not shortened, because a human must see everything before the approval.
  const shown = changes.map((line) => `  ${line}`)
  return [what, ...fieldLines(others), ...shown]
}

/** The other fields of the input, each on its own line. */
const fieldLines = (fields: Record<string, unknown>): string[] =>
  Object.entries(fields).map(([name, value]) => `  ${visibleLine(fieldText(name, value))}`)

const fieldText = (name: string, value: unknown): string => `${name}=${JSON.stringify(value)}`

/**
 * The changes of a file. Undefined if the input is ambiguous. Then the caller shows the whole
 * input, because a human must see everything before the approval.
 */
function changeLines(
  { content, edits }: { content: unknown; edits: unknown },
  paint: Paint,
): string[] | undefined {
  if (!Array.isArray(edits)) {
    if (edits !== undefined || typeof content !== 'string') return undefined
    return replacementLines('', visibleText(content), paint)
  }
  if (content !== undefined) return undefined
  const changes = edits.map((edit: unknown) => {
    const { old: before, new: after, ...others } = fieldsOf(edit)
    if (typeof before !== 'string' || typeof after !== 'string') return undefined
    return [
      ...fieldLines(others),
      ...replacementLines(visibleText(before), visibleText(after), paint),
    ]
  })
  return changes.every((lines) => lines !== undefined) ? changes.flat() : undefined
}

/** The output of a call: a few lines, or the diff of a change. */
export function outputLines(
  output: unknown,
  { width, reserve = 0, paint }: ToolLineOptions,
): string[] {
  const diff = textField(output, 'diff')
  if (diff !== undefined && diff !== '') {
    const path = plainLine(textField(output, 'path') ?? 'changed')
    return [path, ...limitLines(diffLines(diff, paint), changeLinesMax)]
  }
  const lines = plain(resultText(output))
    .split('\n')
    .filter((line) => line.trim() !== '')
  return limitLines(lines, outputLinesMax).map((line, index) =>
    paint('dim', cutTo(line, width - 4 - (index === 0 ? reserve : 0))),
  )
}

/** The whole output as text. */
export const resultText = (output: unknown): string =>
  typeof output === 'string'
    ? output
    : (textField(output, 'text') ?? mcpText(output) ?? valueText(output))

/** The result of an MCP server as text: its texts, and a description of each other part. */
function mcpText(output: unknown): string | undefined {
  const { content, structuredContent } = fieldsOf(output)
  if (!Array.isArray(content)) return undefined
  const texts = content.map(mcpPartText).filter((text) => text !== '')
  if (texts.length > 0) return texts.join('\n')
  return structuredContent === undefined ? '(no output)' : valueText(structuredContent)
}

function mcpPartText(part: unknown): string {
  const type = textField(part, 'type') ?? 'content'
  const { resource } = fieldsOf(part)
  const text = textField(part, 'text') ?? textField(resource, 'text')
  if (text !== undefined) return text
  const mediaType = textField(part, 'mimeType') ?? textField(resource, 'mimeType')
  const data = textField(part, 'data') ?? textField(resource, 'blob')
  const address = textField(part, 'uri') ?? textField(resource, 'uri')
  // Base64 has four characters for three bytes.
  const size = data === undefined ? undefined : `${Math.ceil((data.length * 3) / 4 / 1024)} KB`
  return `[${[type, mediaType, size, address].filter((word) => word !== undefined).join(' ')}]`
}

/** The last line of the preliminary output of a tool. */
export function progressText(output: unknown): string {
  const text =
    typeof output === 'string' ? output : (textField(output, 'text') ?? mcpText(output) ?? '')
  return plainLine(text.trimEnd().split('\n').at(-1) ?? '')
}

function valueText(output: unknown): string {
  const fields = Object.entries(fieldsOf(output))
  const [only] = fields
  if (fields.length === 1 && only !== undefined && !Array.isArray(output)) {
    const [, value] = only
    return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
  }
  return JSON.stringify(output) ?? ''
}

function limitLines(lines: readonly string[], max: number): string[] {
  if (lines.length <= max) return [...lines]
  return [...lines.slice(0, max - 1), `… ${lines.length - max + 1} more lines`]
}
