/** The part of the result of an MCP call that the conversation stores. */
import type { CallToolResult } from '@ai-sdk/mcp'

import { fieldOf, fieldsOf } from '../ground/fields.ts'
import { cut, jsonOf, textMax, textPart, withoutBytes } from './result-text.ts'

/**
 * The limit of all images and sounds of a result, in characters of base64 (3 MB). Each later step sends
 * them again.
 */
const dataMax = 4_000_000

/** The limit of the rest of a result, in characters of JSON. */
const answerMax = 400_000

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
