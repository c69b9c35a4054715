/**
 * The output of a tool in the form that the model receives. Stored histories still have items of older
 * AI SDK majors (`media`, `image-data`, `file-url` …). All of them become files.
 */
import type { LanguageModelV4ToolResultOutput } from '@ai-sdk/provider'
import type { ToolResultPart } from 'ai'

import { filePart } from './file.ts'
import { mediaTypeOfUrl } from './media-type.ts'
import { optionsOf, refuse, stringOf } from './part.ts'

type Output = ToolResultPart['output']
/** `media` is the form of ai 5. */
type Item =
  | Extract<Output, { type: 'content' }>['value'][number]
  | { type: 'media'; data: string; mediaType: string }
type PromptItem = Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value'][number]

export function toolOutput(output: Output): LanguageModelV4ToolResultOutput {
  if (typeof output !== 'object' || output === null) return refuse('a tool result needs "output"')
  const { type } = output
  switch (type) {
    case 'text':
    case 'error-text':
      return { type, value: stringOf(output.value, 'output.value'), ...optionsOf(output) }
    case 'json':
    case 'error-json':
      return { type, value: output.value ?? null, ...optionsOf(output) }
    case 'execution-denied': {
      const { reason } = output
      return { type, ...(typeof reason === 'string' && { reason }), ...optionsOf(output) }
    }
    case 'content':
      if (!Array.isArray(output.value)) return refuse('"output.value" must be an array')
      return { type, value: output.value.map(itemOf), ...optionsOf(output) }
    default:
      return refuse(`a tool result has no output of type ${JSON.stringify(type)}`)
  }
}

function itemOf(item: Item): PromptItem {
  switch (item.type) {
    case 'text':
      return { type: 'text', text: stringOf(item.text, 'text'), ...optionsOf(item) }
    case 'custom':
      return { type: 'custom', ...optionsOf(item) }
    case 'file':
    case 'file-data':
    case 'image-data':
    case 'media':
      return filePart(item)
    case 'file-url': {
      const mediaType = item.mediaType ?? mediaTypeOfUrl(urlOf(item.url))
      return filePart({ ...item, data: item.url, mediaType })
    }
    case 'image-url':
      return filePart({ ...item, data: item.url, mediaType: 'image/*' })
    case 'file-id':
      return filePart({ ...item, data: referenceOf(item.fileId), mediaType: 'application/*' })
    case 'image-file-id':
      return filePart({ ...item, data: referenceOf(item.fileId), mediaType: 'image/*' })
    case 'file-reference':
      return filePart({ ...item, data: item.providerReference, mediaType: 'application/*' })
    case 'image-file-reference':
      return filePart({ ...item, data: item.providerReference, mediaType: 'image/*' })
    default:
      return refuse(`a tool result holds no item of type ${JSON.stringify(item)}`)
  }
}

const urlOf = (text: string) =>
  URL.canParse(text) ? new URL(text) : refuse('a file has a URL that cannot be parsed')

/** An id alone does not name its provider. */
const referenceOf = (fileId: string | Record<string, string>) =>
  typeof fileId === 'string'
    ? refuse('a file id must say its provider: { [provider]: id } instead of a string')
    : { type: 'reference', reference: fileId }
