/**
 * Wraps a model of provider specification 3 as one of specification 4. They differ in the form of file
 * data and in parts that only version 4 has. Such a part becomes the most similar part of version 3 (a
 * text file becomes bytes), or is left out if that loses only detail (reasoning files, custom parts).
 */
import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Content,
  LanguageModelV3FilePart,
  LanguageModelV3Message,
  LanguageModelV3StreamPart,
  LanguageModelV3ToolResultOutput,
  LanguageModelV3ToolResultPart,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Content,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4StreamPart,
  LanguageModelV4ToolResultOutput,
  LanguageModelV4ToolResultPart,
} from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { wrapModel } from './wrap-model.ts'

export function v4OfV3(model: LanguageModelV3): LanguageModelV4 {
  return wrapModel(model, {
    async doGenerate(options) {
      const result = await model.doGenerate(optionsForV3(options))
      return { ...result, content: result.content.map(contentOfV3) }
    },
    async doStream(options) {
      const result = await model.doStream(optionsForV3(options))
      return { ...result, stream: mapStream(result.stream, partOfV3) }
    },
  })
}

export const mapStream = <FROM, TO>(stream: ReadableStream<FROM>, map: (part: FROM) => TO) =>
  stream.pipeThrough(
    new TransformStream<FROM, TO>({
      transform: (part, controller) => controller.enqueue(map(part)),
    }),
  )

const partOfV3 = (part: LanguageModelV3StreamPart): LanguageModelV4StreamPart =>
  part.type === 'file' ? { ...part, data: { type: 'data', data: part.data } } : part

const contentOfV3 = (part: LanguageModelV3Content): LanguageModelV4Content =>
  part.type === 'file' ? { ...part, data: { type: 'data', data: part.data } } : part

function optionsForV3(options: LanguageModelV4CallOptions): LanguageModelV3CallOptions {
  const { reasoning: _unknownToV3, prompt, ...rest } = options
  return { ...rest, prompt: prompt.map(messageForV3).filter(isNotEmpty) }
}

/** False for a message whose parts are all unknown to the older model. */
export const isNotEmpty = (message: { content: string | readonly unknown[] }) =>
  message.content.length > 0

function messageForV3(message: LanguageModelV4Message): LanguageModelV3Message {
  if (message.role === 'system') return message
  if (message.role === 'user') {
    const content = message.content.map((part) => (part.type === 'file' ? fileForV3(part) : part))
    return { ...message, content }
  }
  if (message.role === 'tool') {
    const content = message.content.map((part) =>
      part.type === 'tool-result' ? resultForV3(part) : part,
    )
    return { ...message, content }
  }
  const content = message.content
    .filter((part) => part.type !== 'custom' && part.type !== 'reasoning-file')
    .map((part) => {
      if (part.type === 'file') return fileForV3(part)
      return part.type === 'tool-result' ? resultForV3(part) : part
    })
  return { ...message, content }
}

function fileForV3(part: LanguageModelV4FilePart): LanguageModelV3FilePart {
  const { data } = part
  if (data.type === 'reference') {
    throw new LoomError(
      'invalid-request',
      'A file that is stored with a provider needs a model object of specification version "v4".',
    )
  }
  if (data.type === 'text') {
    const mediaType = part.mediaType.includes('/') ? part.mediaType : 'text/plain'
    return { ...part, mediaType, data: new TextEncoder().encode(data.text) }
  }
  const mediaType = fullMediaType(part.mediaType)
  return { ...part, mediaType, data: data.type === 'url' ? data.url : data.data }
}

/** `image` in specification 4 is `image/*` in earlier ones. */
const fullMediaType = (mediaType: string) =>
  mediaType.includes('/') ? mediaType : `${mediaType}/*`

const resultForV3 = (part: LanguageModelV4ToolResultPart): LanguageModelV3ToolResultPart => ({
  ...part,
  output: outputForV3(part.output),
})

function outputForV3(output: LanguageModelV4ToolResultOutput): LanguageModelV3ToolResultOutput {
  return output.type === 'content' ? { ...output, value: output.value.map(itemForV3) } : output
}

/** One item of a tool output with several items. */
export type ContentItem<OUTPUT extends { type: string }> =
  Extract<OUTPUT, { type: 'content' }> extends { value: (infer ITEM)[] } ? ITEM : never

function itemForV3(
  item: ContentItem<LanguageModelV4ToolResultOutput>,
): ContentItem<LanguageModelV3ToolResultOutput> {
  if (item.type !== 'file') return item
  const { data, filename, providerOptions } = item
  const mediaType = fullMediaType(item.mediaType)
  const options = providerOptions === undefined ? undefined : { providerOptions }
  // Providers of specification 3 accept images only under these names.
  const isImage = mediaType.startsWith('image/')
  if (data.type === 'text') return { type: 'text', text: data.text, ...options }
  if (data.type === 'url') {
    return { type: isImage ? 'image-url' : 'file-url', url: data.url.href, ...options }
  }
  if (data.type === 'reference') {
    return { type: isImage ? 'image-file-id' : 'file-id', fileId: data.reference, ...options }
  }
  const base64 = typeof data.data === 'string' ? data.data : toBase64(data.data)
  if (isImage) return { type: 'image-data', data: base64, mediaType, ...options }
  const name = filename === undefined ? undefined : { filename }
  return { type: 'file-data', data: base64, mediaType, ...name, ...options }
}

const toBase64 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
