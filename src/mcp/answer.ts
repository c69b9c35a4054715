/**
 * What an MCP server answers to a call: as much of it as is kept in the conversation, and how the model
 * is told of it.
 */
import type { CallToolResult } from '@ai-sdk/mcp'
import type { ToolResultPart } from 'ai'

import { fieldOf, fieldsOf } from '../fields.ts'

/** A server that answers with a whole database must not fill the model's window. */
const textMax = 100_000

/** Of the images and sounds of an answer, in characters of base64: 3 MB. Each later step sends them. */
const dataMax = 4_000_000

/** Of the rest of an answer, in characters of JSON. */
const answerMax = 400_000

type Content = Extract<ToolResultPart['output'], { type: 'content' }>['value']

/**
 * An answer as it is kept. All of it would be in the log, in the history and at every client, and a
 * server may answer with anything.
 */
export function keptAnswer(result: CallToolResult): unknown {
  const { content, structuredContent, ...rest }: Record<string, unknown> = result
  const kept: Record<string, unknown> = isSmall(rest, textMax) ? rest : {}
  if (structuredContent !== undefined && isSmall(structuredContent, answerMax)) {
    kept['structuredContent'] = structuredContent
  }
  if (Array.isArray(content)) kept['content'] = keptParts(content)
  else if (kept['structuredContent'] === undefined) kept['content'] = [leftOut(structuredContent)]
  return kept
}

function keptParts(content: readonly unknown[]): unknown[] {
  const parts: unknown[] = []
  let left = answerMax
  let dataLeft = dataMax
  for (const [index, part] of content.entries()) {
    const data = dataOf(part)?.length ?? 0
    const kept = data > dataLeft ? leftOut(part) : withCutText(part)
    if (data <= dataLeft) dataLeft -= data
    left -= lengthOf(withoutBytes(kept))
    if (left < 0) {
      parts.push(textPart(`[${content.length - index} more parts are not kept]`))
      break
    }
    parts.push(kept)
  }
  return parts
}

function dataOf(part: unknown): string | undefined {
  const data = fieldOf(part, 'data') ?? fieldOf(fieldOf(part, 'resource'), 'blob')
  return typeof data === 'string' ? data : undefined
}

function withCutText(part: unknown): unknown {
  const fields = fieldsOf(part)
  const resource = fieldsOf(fields['resource'])
  const cutResource = typeof resource['text'] === 'string' && {
    resource: { ...resource, text: cut(resource['text']) },
  }
  return {
    ...fields,
    ...(typeof fields['text'] === 'string' && { text: cut(fields['text']) }),
    ...cutResource,
  }
}

const isSmall = (value: unknown, max: number) => lengthOf(value) <= max

const lengthOf = (value: unknown): number => jsonOf(value).length

const leftOut = (value: unknown) => {
  const type = fieldOf(value, 'type')
  const what = typeof type === 'string' ? type : 'content'
  return textPart(`[${what} of ${lengthOf(value)} characters is not kept]`)
}

/**
 * An answer in the form that models read: text as text, an image as a file, structured content as JSON
 * where no text says the same (the protocol wants it in both, and servers differ).
 * @param output a `CallToolResult`, or what a store has kept of it
 */
export function modelOutputOf(output: unknown): ToolResultPart['output'] {
  const content = fieldOf(output, 'content')
  const structured = fieldOf(output, 'structuredContent')
  if (!Array.isArray(content)) return { type: 'text', value: cut(jsonOf(structured ?? output)) }
  const parts = content.map(partOf)
  const isSaid = parts.some(({ type }) => type === 'text')
  if (structured !== undefined && !isSaid) parts.unshift(textPart(jsonOf(structured)))
  if (parts.length === 0) return { type: 'text', value: '(no output)' }
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  // Text alone goes as text: a list of parts reaches some models as JSON.
  return texts.length === parts.length
    ? { type: 'text', value: cut(texts.join('\n')) }
    : { type: 'content', value: parts }
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
  const blob = fieldOf(fieldOf(part, 'resource'), 'blob')
  const blobType = fieldOf(fieldOf(part, 'resource'), 'mimeType')
  if (typeof blob === 'string' && typeof blobType === 'string' && isImage(blobType)) {
    return { type: 'file', mediaType: blobType, data: { type: 'data', data: blob } }
  }
  if (type === 'resource_link') return textPart(linkText(part))
  // Sounds and other bytes are of no use to most models, and many kilobytes as text.
  return textPart(jsonOf(withoutBytes(part)))
}

const isImage = (mediaType: string) => mediaType.startsWith('image/')

/** A resource that the server names and does not send. */
function linkText(part: unknown): string {
  const words = ['title', 'name', 'description', 'mimeType'].map((key) => fieldOf(part, key))
  const known = words.filter((word) => typeof word === 'string')
  return `[Resource ${String(fieldOf(part, 'uri'))}: ${[...new Set(known)].join(', ')}]`
}

const textPart = (text: string): Content[number] => ({ type: 'text', text: cut(text) })

/** What was cut already, with the note about it, stays as it is. */
export function cut(text: string): string {
  if (text.length <= textMax + 100) return text
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
