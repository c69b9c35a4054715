/** The content of a user message in AG-UI, and the parts of a UI message. */
import type { FileUIPart, TextUIPart, UIMessage } from 'ai'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, textField } from '../../src/ground/fields.ts'
import { OmittedValue } from '../../src/wire/conversation/omitted-value.ts'
import type { AgUiPart, AgUiSource } from '../../src/wire/frames/ag-ui/events.ts'

type UserPart = TextUIPart | FileUIPart

/**
 * Returns the parts of a content. A part that Loom cannot use is left out, as AG-UI asks: one of a later version, and a
 * file that only its provider can read.
 * @param name the name of the message in error texts
 * @throws LoomError `invalid-request` for a known part with a wrong value
 */
export function userParts(content: unknown, name: string): UserPart[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  if (content instanceof OmittedValue) throw content.refusal
  if (!Array.isArray(content)) {
    throw invalid(`${name}.content must be a text or a list of parts.`)
  }
  return content.flatMap((part: unknown, index) => userPart(part, `${name}.content[${index}]`))
}

function userPart(part: unknown, name: string): UserPart[] {
  const type = fieldOf(part, 'type')
  if (type === 'text') {
    const text = textField(part, 'text')
    if (text === undefined) throw invalid(`${name}.text must be a text.`)
    return [{ type, text }]
  }
  if (type !== 'image' && type !== 'audio' && type !== 'video' && type !== 'document') return []
  const source = fieldOf(part, 'source')
  const value = textField(source, 'value')
  if (value === undefined) throw invalid(`${name}.source.value must be a text.`)
  const mediaType = textField(source, 'mimeType')
  switch (fieldOf(source, 'type')) {
    case 'data':
      if (mediaType === undefined) throw invalid(`${name}.source.mimeType must be a text.`)
      return [{ type: 'file', mediaType, url: `data:${mediaType};base64,${value}` }]
    case 'url':
      return [{ type: 'file', mediaType: mediaType ?? defaultTypes[type], url: value }]
    default:
      return []
  }
}

const defaultTypes = {
  image: 'image/*',
  audio: 'audio/*',
  video: 'video/*',
  document: 'application/octet-stream',
} as const

/** Returns the content of a stored message. */
export function contentOf({ parts }: Pick<UIMessage, 'parts'>): string | AgUiPart[] {
  const content = parts.flatMap((part): AgUiPart[] => {
    if (part.type === 'text') return [{ type: 'text', text: part.text }]
    if (part.type !== 'file') return []
    return [{ type: kindOf(part.mediaType), source: sourceOf(part) }]
  })
  const [first] = content
  return content.length === 1 && first?.type === 'text' ? first.text : content
}

function sourceOf({ url, mediaType: mimeType }: FileUIPart): AgUiSource {
  const [, value] = /^data:[^,]*;base64,(.*)$/is.exec(url) ?? []
  return value === undefined
    ? { type: 'url', value: url, mimeType }
    : { type: 'data', value, mimeType }
}

function kindOf(mediaType: string): 'image' | 'audio' | 'video' | 'document' {
  const kind = mediaType.split('/', 1)[0]
  return kind === 'image' || kind === 'audio' || kind === 'video' ? kind : 'document'
}

const invalid = (message: string) => new LoomError('invalid-request', message)
