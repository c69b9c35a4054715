/**
 * The result of an MCP call: the part that the conversation stores, and its form for the model.
 */
import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'

import type { CallToolResult } from '@ai-sdk/mcp'
import type { ToolResultPart } from 'ai'

import { fieldOf, fieldsOf } from '../ground/fields.ts'

/** The limit of one text in characters, so that a large result cannot fill the model's context window. */
const textMax = 100_000

/**
 * The limit of all images and sounds of a result, in characters of base64 (3 MB). Each later step sends
 * them again.
 */
const dataMax = 4_000_000

/** The limit of the rest of a result, in characters of JSON. */
const answerMax = 400_000

const noOutput = '(no output)'

type Content = Extract<ToolResultPart['output'], { type: 'content' }>['value']

/**
 * Returns the part of a result that Loom stores. A server may send a result of any size, and the log, the
 * history and every client would receive all of it.
 */
export function storedResult(result: CallToolResult): unknown {
  const { content, structuredContent, ...rest }: Record<string, unknown> = result
  const stored: Record<string, unknown> = isSmall(rest, textMax) ? rest : {}
  if (structuredContent !== undefined && isSmall(structuredContent, answerMax)) {
    stored['structuredContent'] = structuredContent
  }
  if (Array.isArray(content)) stored['content'] = storedParts(content)
  else if (stored['structuredContent'] === undefined)
    stored['content'] = [omissionNote(structuredContent)]
  return stored
}

function storedParts(content: readonly unknown[]): unknown[] {
  const parts: unknown[] = []
  let charactersLeft = answerMax
  let dataLeft = dataMax
  for (const [index, part] of content.entries()) {
    const data = dataOf(part)?.length ?? 0
    const stored = data > dataLeft ? omissionNote(part) : withShortText(part)
    if (data <= dataLeft) dataLeft -= data
    charactersLeft -= lengthOf(withoutBytes(stored))
    if (charactersLeft < 0) {
      parts.push(textPart(`[${content.length - index} more parts are not kept]`))
      break
    }
    parts.push(stored)
  }
  return parts
}

function dataOf(part: unknown): string | undefined {
  const data = fieldOf(part, 'data') ?? fieldOf(fieldOf(part, 'resource'), 'blob')
  return typeof data === 'string' ? data : undefined
}

function withShortText(part: unknown): unknown {
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

const omissionNote = (value: unknown) => {
  const type = fieldOf(value, 'type')
  const typeName = typeof type === 'string' ? type : 'content'
  return textPart(`[${typeName} of ${lengthOf(value)} characters is not kept]`)
}

/**
 * Converts a result for the model: text as text, an image as a file, and structured content as JSON unless
 * the texts contain it. (By the protocol a server sends structured content as text too, but some send a
 * summary instead.)
 * @param output a `CallToolResult`, or the stored part of one
 */
export function modelOutputOf(output: unknown): ToolResultPart['output'] {
  const content = fieldOf(output, 'content')
  const structured = fieldOf(output, 'structuredContent')
  if (!Array.isArray(content)) return { type: 'text', value: cut(jsonOf(structured ?? output)) }
  const parts = content.map(partOf)
  const own = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  if (structured !== undefined && !isSaid(structured, own)) {
    const json = textPart(jsonOf(structured))
    // Without texts, it stands for them.
    if (own.length === 0) parts.unshift(json)
    else parts.push(json)
  }
  if (parts.length === 0) return { type: 'text', value: noOutput }
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
  // A result of texts only becomes one text: some models receive a list of parts as JSON.
  return texts.length === parts.length
    ? { type: 'text', value: cut(texts.join('\n')) }
    : { type: 'content', value: parts }
}

/**
 * Returns whether the texts contain structured content. Servers write a plain value as an object with one
 * field, `{ result: value }` for example, and the value as the text.
 */
function isSaid(structured: unknown, texts: readonly string[]): boolean {
  const fields = Object.values(fieldsOf(structured))
  const isSame = (value: unknown, text: string) =>
    text === value || isDeepStrictEqual(parsed(text), value)
  return [structured, ...(fields.length === 1 ? fields : [])].some(
    (value) =>
      texts.some((text) => isSame(value, text)) ||
      isSame(value, texts.join('')) ||
      // A list is one text for each item.
      (Array.isArray(value) &&
        value.length === texts.length &&
        value.every((item, index) => isSame(item, texts[index] ?? ''))),
  )
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Returns the error text of a failed call. */
export function failureText(result: CallToolResult): string {
  const output = modelOutputOf(result)
  const parts: readonly { type: string }[] = output.type === 'content' ? output.value : [output]
  const texts = parts.flatMap((part) => {
    const text = fieldOf(part, 'text') ?? fieldOf(part, 'value')
    return typeof text === 'string' ? [text] : []
  })
  const errorText = texts.join('\n')
  const isEmpty = errorText === '' || errorText === noOutput
  return isEmpty ? 'The tool failed without an error text.' : cut(errorText)
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
  if (typeof blob === 'string') {
    const bytes = Buffer.from(blob, 'base64')
    if (isTextType(String(blobType)) && isUtf8(bytes)) return textPart(bytes.toString())
  }
  if (type === 'resource_link') return textPart(linkText(part))
  // Most models cannot use sounds and other bytes, and as text they would be very long.
  return textPart(jsonOf(withoutBytes(part)))
}

/** Some servers send every file as bytes. */
const isTextType = (mediaType: string) =>
  /^text\/|^application\/(?:[\w.+-]+\+)?(?:json|xml|yaml|toml|javascript)\b/i.test(mediaType)

const isImage = (mediaType: string) => mediaType.startsWith('image/')

/** Describes a resource that the server links to but does not send. */
function linkText(part: unknown): string {
  const fields = ['title', 'name', 'description', 'mimeType'].map((key) => fieldOf(part, key))
  const texts = fields.filter((field) => typeof field === 'string')
  return `[Resource ${String(fieldOf(part, 'uri'))}: ${[...new Set(texts)].join(', ')}]`
}

const textPart = (text: string): Content[number] => ({ type: 'text', text: cut(text) })

/** Cuts a text to `textMax` characters and a note. A text that was cut before stays the same. */
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
