/** What an MCP server answers to a call, as the model is told it: text, images and other files. */
import type { CallToolResult } from '@ai-sdk/mcp'
import type { ToolResultPart } from 'ai'

/** A server that answers with a whole database must not fill the model's window. */
const textMax = 100_000

type Content = Extract<ToolResultPart['output'], { type: 'content' }>['value']

/** @param output a `CallToolResult`, or whatever became of it in a store */
export function modelOutputOf(output: unknown): ToolResultPart['output'] {
  const content = fieldOf(output, 'content')
  if (!Array.isArray(content)) return { type: 'text', value: cut(jsonOf(output)) }
  const parts = content.map(partOf)
  if (parts.length === 0) parts.push(textPart('(no output)'))
  return { type: 'content', value: parts }
}

/** What a server says went wrong. */
export function failureText(result: CallToolResult): string {
  const content = fieldOf(result, 'content')
  const texts = Array.isArray(content) ? content.map((part) => fieldOf(part, 'text')) : []
  const said = texts.filter((text) => typeof text === 'string').join('\n')
  return said === '' ? 'The tool failed and did not say why.' : cut(said)
}

function partOf(part: unknown): Content[number] {
  const type = fieldOf(part, 'type')
  const text = fieldOf(part, 'text')
  if (type === 'text' && typeof text === 'string') return textPart(text)
  const data = fieldOf(part, 'data')
  const mediaType = fieldOf(part, 'mimeType')
  if (type === 'image' && typeof data === 'string' && typeof mediaType === 'string') {
    return { type: 'file', mediaType, data: { type: 'data', data } }
  }
  const resourceText = fieldOf(fieldOf(part, 'resource'), 'text')
  if (type === 'resource' && typeof resourceText === 'string') return textPart(resourceText)
  // Sounds and other bytes are of no use to most models, and many kilobytes as text.
  return textPart(jsonOf(withoutBytes(part)))
}

const textPart = (text: string): Content[number] => ({ type: 'text', text: cut(text) })

function cut(text: string): string {
  if (text.length <= textMax) return text
  const rest = text.length - textMax
  return `${text.slice(0, textMax).toWellFormed()}\n[${rest} more characters are not shown]`
}

const withoutBytes = (part: unknown): unknown =>
  typeof part === 'object' && part !== null
    ? Object.fromEntries(
        Object.entries(part).map(([key, value]) =>
          (key === 'data' || key === 'blob') && typeof value === 'string'
            ? [key, `(${value.length} characters of base64)`]
            : [key, key === 'resource' ? withoutBytes(value) : value],
        ),
      )
    : part

const jsonOf = (value: unknown): string => JSON.stringify(value) ?? 'null'

function fieldOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined
  return Object.entries(value).find(([name]) => name === key)?.[1]
}
