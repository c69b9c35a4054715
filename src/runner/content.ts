/** Converts parts of a model's reply: file URLs, source events, provider metadata. */
import type {
  LanguageModelV4File,
  LanguageModelV4ReasoningFile,
  LanguageModelV4Source,
} from '@ai-sdk/provider'
import type { AssistantContent } from 'ai'

import type { AgentEvent, ProviderMetadata } from '../event.ts'

/** A part of an assistant message of a prompt. */
export type ContentPart = Exclude<AssistantContent, string>[number]

/** A file as the URL that a `file` event carries: bytes become a `data:` URL. */
export function fileUrl(file: LanguageModelV4File | LanguageModelV4ReasoningFile): string {
  if (file.data.type === 'url') return file.data.url.toString()
  const { data } = file.data
  const base64 = typeof data === 'string' ? data : Buffer.from(data).toString('base64')
  return `data:${file.mediaType};base64,${base64}`
}

export function sourceEvent(source: LanguageModelV4Source): AgentEvent {
  const { id: sourceId, providerMetadata } = source
  const metadata = withMetadata(providerMetadata)
  if (source.sourceType === 'url') {
    const { url, title } = source
    return { type: 'source-url', sourceId, url, ...(title !== undefined && { title }), ...metadata }
  }
  const { mediaType, title, filename } = source
  return {
    type: 'source-document',
    sourceId,
    mediaType,
    title,
    ...(filename !== undefined && { filename }),
    ...metadata,
  }
}

/** Provider metadata as a field of an event. */
export const withMetadata = (metadata: ProviderMetadata | undefined) =>
  metadata === undefined ? undefined : { providerMetadata: metadata }

/** Provider metadata as a field of a prompt part. The provider receives its own metadata again. */
export const withOptions = (metadata: ProviderMetadata | undefined) =>
  metadata === undefined ? undefined : { providerOptions: metadata }
