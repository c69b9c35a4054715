/** Texts in the result of an MCP call, and their limit. */
import type { ToolResultPart } from 'ai'

export type Content = Extract<ToolResultPart['output'], { type: 'content' }>['value']

/** The limit of one text in characters, so that a large result cannot fill the model's context window. */
export const textMax = 100_000

export const textPart = (text: string): Content[number] => ({ type: 'text', text: cut(text) })

/** Cuts a text to `textMax` characters and a note. A text that was cut before stays the same. */
export function cut(text: string): string {
  if (text.length <= textMax + 100) return text
  const rest = text.length - textMax
  return `${text.slice(0, textMax).toWellFormed()}\n[${rest} more characters are not shown]`
}

/** Replaces bytes in a part by their size. */
export const withoutBytes = (part: unknown): unknown =>
  typeof part === 'object' && part !== null
    ? Object.fromEntries(
        Object.entries(part).map(([key, value]) =>
          (key === 'data' || key === 'blob') && typeof value === 'string'
            ? [key, `(${value.length} characters of base64)`]
            : [key, key === 'resource' ? withoutBytes(value) : value],
        ),
      )
    : part

export const jsonOf = (value: unknown): string => JSON.stringify(value) ?? 'null'
