/** The content of a user message of the chat completions API as the parts of a UI message. */
import type { FileUIPart, TextUIPart } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'

type UserPart = TextUIPart | FileUIPart

/**
 * @param name the name of the message in error texts
 * @throws LoomError `invalid-request` for a part that Loom does not take
 */
export function userParts(content: unknown, name: string): UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (!Array.isArray(content)) {
    throw new LoomError('invalid-request', `${name}.content must be a text or a list of parts.`)
  }
  return content.map((part: unknown, index) => userPart(part, `${name}.content[${index}]`))
}

function userPart(part: unknown, name: string): UserPart {
  const type = fieldOf(part, 'type')
  switch (type) {
    case 'text': {
      const text = textField(part, 'text')
      if (text === undefined) throw invalid(`${name}.text must be a text.`)
      return { type: 'text', text }
    }
    case 'image_url': {
      const image = fieldOf(part, 'image_url')
      const url = typeof image === 'string' ? image : textField(image, 'url')
      if (url === undefined) throw invalid(`${name}.image_url.url must be a text.`)
      return { type: 'file', mediaType: mediaTypeOf(url) ?? 'image/*', url }
    }
    case 'input_audio':
      return audioPart(fieldOf(part, 'input_audio'), `${name}.input_audio`)
    case 'file':
      return filePart(fieldOf(part, 'file'), name)
    default:
      throw invalid(`${name}.type must be one of text, image_url, input_audio, file.`)
  }
}

/** @throws LoomError `invalid-request` */
export function audioPart(audio: unknown, name: string): FileUIPart {
  const [data, format] = [textField(audio, 'data'), textField(audio, 'format')]
  if (data === undefined || (format !== 'wav' && format !== 'mp3')) {
    throw invalid(`${name} needs data in base64, and the format "wav" or "mp3".`)
  }
  const mediaType = format === 'wav' ? 'audio/wav' : 'audio/mpeg'
  return { type: 'file', mediaType, url: `data:${mediaType};base64,${data}` }
}

function filePart(file: unknown, name: string): FileUIPart {
  const [url, filename] = [textField(file, 'file_data'), textField(file, 'filename')]
  const mediaType = url === undefined ? undefined : mediaTypeOf(url)
  if (url === undefined || mediaType === undefined) {
    throw invalid(`${name}.file.file_data must be a "data:" URL. Loom has no files with a file_id.`)
  }
  return { type: 'file', mediaType, url, ...(filename !== undefined && { filename }) }
}

/** Returns the media type of a `data:` URL. Undefined for another address. */
export const mediaTypeOf = (url: string): string | undefined => /^data:([^;,]+)[;,]/i.exec(url)?.[1]

const invalid = (message: string) => new LoomError('invalid-request', message)
