/** The content of a message of the Responses API as the parts of a UI message. */
import type { FileUIPart, TextUIPart } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import { audioPart, mediaTypeOf } from './completion-content.ts'

type UserPart = TextUIPart | FileUIPart

const invalid = (message: string) => new LoomError('invalid-request', message)

/**
 * @param name the name of the content in error texts
 * @throws LoomError `invalid-request` for a part that Loom does not take
 */
export function inputParts(content: unknown, name: string): UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) throw invalid(`${name} must be a text or a list of parts.`)
  return content.map((part: unknown, index) => inputPart(part, `${name}[${index}]`))
}

function inputPart(part: unknown, name: string): UserPart {
  switch (fieldOf(part, 'type')) {
    case 'input_text':
    case 'output_text':
    case 'text': {
      const text = textField(part, 'text')
      if (text === undefined) throw invalid(`${name}.text must be a text.`)
      return { type: 'text', text }
    }
    case 'input_image': {
      const url = textField(part, 'image_url')
      if (url === undefined) {
        throw invalid(`${name}.image_url must be a text. Loom has no files with a file_id.`)
      }
      return { type: 'file', mediaType: mediaTypeOf(url) ?? 'image/*', url }
    }
    case 'input_audio':
      return audioPart(fieldOf(part, 'input_audio'), `${name}.input_audio`)
    case 'input_file':
      return filePart(part, name)
    default:
      throw invalid(`${name}.type must be one of input_text, input_image, input_file, input_audio.`)
  }
}

function filePart(part: unknown, name: string): FileUIPart {
  const [data, address] = [textField(part, 'file_data'), textField(part, 'file_url')]
  const filename = textField(part, 'filename')
  const named = filename !== undefined && { filename }
  if (data !== undefined) {
    const mediaType = mediaTypeOf(data)
    if (mediaType === undefined) throw invalid(`${name}.file_data must be a "data:" URL.`)
    return { type: 'file', mediaType, url: data, ...named }
  }
  if (address !== undefined) {
    return { type: 'file', mediaType: mediaTypeOfName(address), url: address, ...named }
  }
  throw invalid(`${name}.file_data must be a text. Loom has no files with a file_id.`)
}

const mediaTypes: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
}

/** The API has no media type for an address. Most files of prompts are PDF. */
function mediaTypeOfName(address: string): string {
  const [, extension = ''] = /\.([a-z]+)(?:[?#]|$)/i.exec(address) ?? []
  return mediaTypes[extension.toLowerCase()] ?? 'application/pdf'
}

/**
 * The texts of a message of the model or of instructions, or of the result of a call.
 * @throws LoomError `invalid-request` for a part that is no text
 */
export function textOf(content: unknown, name: string): string {
  if (content === undefined || content === null) return ''
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) throw invalid(`${name} must be a text or a list of parts.`)
  return content
    .map((part: unknown, index) => {
      const text = textField(part, 'text') ?? textField(part, 'refusal')
      if (text === undefined) throw invalid(`${name}[${index}] must be a text.`)
      return text
    })
    .join('')
}
