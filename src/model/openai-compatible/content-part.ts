/**
 * Text and files as content parts of a chat-completions message. Some files have no form there. They
 * throw, because a model that silently lacks an attachment gives a wrong answer.
 */
import { NoSuchProviderReferenceError, UnsupportedFunctionalityError } from '@ai-sdk/provider'
import type { LanguageModelV4FilePart, LanguageModelV4TextPart } from '@ai-sdk/provider'

import type { JsonRecord } from './json-record.ts'
import { fullMediaType, kindOf } from './media-type.ts'
import { wireOptions } from './wire-options.ts'

const audioFormats: Record<string, string> = {
  'audio/wav': 'wav',
  'audio/mp3': 'mp3',
  'audio/mpeg': 'mp3',
}

/** @throws UnsupportedFunctionalityError for a file without a form in this API. */
export function contentPart(
  part: LanguageModelV4TextPart | LanguageModelV4FilePart,
  provider: string,
): JsonRecord {
  const content = part.type === 'text' ? textContent(part.text) : fileContent(part, provider)
  return { ...content, ...wireOptions(part) }
}

/** Whether a file has a form in this API. */
export function hasForm(part: LanguageModelV4FilePart, provider: string): boolean {
  try {
    fileContent(part, provider)
    return true
  } catch {
    return false
  }
}

function fileContent(part: LanguageModelV4FilePart, provider: string): JsonRecord {
  const { data, mediaType } = part
  if (data.type === 'data') return inlineContent(part, base64(data.data))
  if (data.type === 'url') {
    return data.url.protocol === 'data:'
      ? dataUrlContent(part, data.url)
      : linkedContent(mediaType, data.url)
  }
  if (data.type === 'text') {
    if (kindOf(mediaType) !== 'text') throw unsupported(`text as ${mediaType}`)
    return textContent(data.text)
  }
  const { reference } = data
  const id = reference[provider]
  if (id === undefined) throw new NoSuchProviderReferenceError({ provider, reference })
  return { type: 'file', file: { file_id: id } }
}

function dataUrlContent(part: LanguageModelV4FilePart, { href }: URL): JsonRecord {
  const comma = href.indexOf(',')
  const encoded = href.slice(comma + 1)
  const body = encoded.includes('%') ? decodeURIComponent(encoded) : encoded
  const isBase64 = href.slice(0, comma).endsWith(';base64')
  return inlineContent(part, isBase64 ? body : Buffer.from(body).toString('base64'))
}

function linkedContent(mediaType: string, url: URL): JsonRecord {
  switch (kindOf(mediaType)) {
    case 'image':
      return { type: 'image_url', image_url: { url: url.href } }
    case 'video':
      return { type: 'video_url', video_url: { url: url.href } }
    case 'text':
      return textContent(url.href)
    default:
      throw unsupported(`${mediaType} by URL`)
  }
}

function inlineContent(part: LanguageModelV4FilePart, data: string): JsonRecord {
  const { mediaType } = part
  switch (kindOf(mediaType)) {
    case 'image':
      return { type: 'image_url', image_url: { url: dataUrl(mediaType, data) } }
    case 'video':
      return { type: 'video_url', video_url: { url: dataUrl(mediaType, data) } }
    case 'audio': {
      const format = audioFormats[fullMediaType(mediaType, data)]
      if (format === undefined) throw unsupported(mediaType)
      return { type: 'input_audio', input_audio: { data, format } }
    }
    case 'application': {
      if (fullMediaType(mediaType, data) !== 'application/pdf') throw unsupported(mediaType)
      const filename = part.filename ?? 'document.pdf'
      return { type: 'file', file: { filename, file_data: dataUrl('application/pdf', data) } }
    }
    case 'text':
      return textContent(Buffer.from(data, 'base64').toString())
    default:
      throw unsupported(mediaType)
  }
}

const textContent = (text: string): JsonRecord => ({ type: 'text', text })

const dataUrl = (mediaType: string, data: string) =>
  `data:${fullMediaType(mediaType, data)};base64,${data}`

/** Converts bytes, base64 or base64url to base64. */
export function base64(data: Uint8Array | string): string {
  if (typeof data !== 'string') {
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64')
  }
  const urlSafe = data.includes('-') || data.includes('_')
  return urlSafe ? Buffer.from(data, 'base64').toString('base64') : data
}

function unsupported(what: string): UnsupportedFunctionalityError {
  return new UnsupportedFunctionalityError({ functionality: `file part: ${what}` })
}
