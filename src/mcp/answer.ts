/** The result of an MCP call in its form for the model. */
import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'

import type { CallToolResult } from '@ai-sdk/mcp'
import type { ToolResultPart } from 'ai'

import { fieldOf, fieldsOf } from '../ground/fields.ts'
import { jsonValueOf } from '../ground/json.ts'
import { type Content, cut, jsonOf, textPart, withoutBytes } from './result-text.ts'

const noOutput = '(no output)'

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
    text === value || isDeepStrictEqual(jsonValueOf(text), value)
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
