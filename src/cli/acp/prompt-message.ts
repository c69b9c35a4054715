/** The blocks of a prompt as a message of the user. */
import { randomUUID } from 'node:crypto'

import type { ContentBlock } from '@agentclientprotocol/sdk'
import type { UIMessage } from 'ai'

/** What an editor may put into a prompt, beside text and links. */
export const promptCapabilities = { image: true, audio: false, embeddedContext: true } as const

type Part = UIMessage['parts'][number]

export const promptMessage = (blocks: readonly ContentBlock[]): UIMessage => ({
  id: randomUUID(),
  role: 'user',
  parts: joined(blocks.map(partOf)),
})

export const promptText = (blocks: readonly ContentBlock[]): string =>
  joined(blocks.map(partOf))
    .map((part) => (part.type === 'text' ? part.text : ''))
    .join('')
    .trim()

function partOf(block: ContentBlock): Part {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text }
    case 'image':
      return filePart(block.mimeType, block.data)
    case 'audio':
      return filePart(block.mimeType, block.data)
    case 'resource_link':
      return { type: 'text', text: `[@${block.name}](${pathIn(block.uri)})` }
    case 'resource': {
      const { resource } = block
      if ('blob' in resource) {
        return filePart(resource.mimeType ?? 'application/octet-stream', resource.blob)
      }
      const address = pathIn(resource.uri).replaceAll('"', '&quot;')
      return {
        type: 'text',
        text: `\n<resource uri="${address}">\n${resource.text}\n</resource>\n`,
      }
    }
  }
}

const filePart = (mediaType: string, data: string): Part => ({
  type: 'file',
  mediaType,
  url: `data:${mediaType};base64,${data}`,
})

/** The model knows files by their paths, as its tools do. */
function pathIn(uri: string): string {
  if (!uri.startsWith('file://')) return uri
  try {
    return decodeURIComponent(new URL(uri).pathname)
  } catch {
    return uri
  }
}

/** Blocks of one sentence are one text: an editor cuts it at each link. */
function joined(parts: readonly Part[]): Part[] {
  const list: Part[] = []
  for (const part of parts) {
    const last = list.at(-1)
    if (part.type === 'text' && last?.type === 'text') {
      list[list.length - 1] = { type: 'text', text: last.text + part.text }
    } else list.push(part)
  }
  return list
}
