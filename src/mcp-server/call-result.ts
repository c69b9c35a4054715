/** The result of a call: the answer, the calls that wait, or the reason of a failure. */
import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/server'

import { isFields } from '../ground/fields.ts'
import { type FoldedMessage, outputIn } from '../message-fold.ts'
import type { OpenCall } from '../session/session-info.ts'
import { waitingText } from './questions.ts'

/** The answer that a result is about. */
export interface ResultOf {
  /** The id by which the client names the session. */
  session: string
  /** The id of the answer. */
  messageId: string
}

export function answerResult(
  message: FoldedMessage,
  of: ResultOf,
  { isStructured }: { isStructured: boolean },
): CallToolResult {
  const output = outputIn(message)
  const content: ContentBlock[] = [
    text(output === undefined ? answerText(message) : JSON.stringify(output)),
    ...message.parts.flatMap(fileBlock),
    sessionNote(of),
  ]
  const hasOutput = isStructured && isFields(output)
  return { content, ...(hasOutput && { structuredContent: { ...output } }), ...metaOf(of) }
}

/** @param isStructured whether the tool has an output schema, which a result without an error must fit */
export const waitingResult = (
  calls: readonly OpenCall[],
  of: ResultOf,
  { isStructured }: { isStructured: boolean },
): CallToolResult => ({
  content: [text(waitingText(calls, of.session)), sessionNote(of)],
  ...(isStructured && { isError: true }),
  ...metaOf(of, { waitsFor: calls.map(({ toolName }) => toolName) }),
})

/** @param of undefined if the call has no answer yet */
export const failedResult = (reason: string, of?: ResultOf): CallToolResult => ({
  content: [text(reason), ...(of === undefined ? [] : [sessionNote(of)])],
  isError: true,
  ...(of !== undefined && metaOf(of)),
})

export const stoppedResult = (message: FoldedMessage, of: ResultOf): CallToolResult => {
  const partial = answerText(message)
  const lines = ['The answer was stopped before its end.', ...(partial === '' ? [] : [partial])]
  return failedResult(lines.join('\n\n'), of)
}

/** The texts of two steps are two paragraphs. */
const answerText = ({ parts }: FoldedMessage): string =>
  parts
    .flatMap(({ type, text }) => (type === 'text' && typeof text === 'string' ? text : []))
    .filter((each) => each !== '')
    .join('\n\n')

const text = (value: string) => ({ type: 'text' as const, text: value })

/** Models see only the content of a result, and most clients show them nothing of `_meta`. */
const sessionNote = ({ session }: ResultOf) => ({
  ...text(
    `To continue this conversation, call this tool again with session ${JSON.stringify(session)}.`,
  ),
  annotations: { audience: ['assistant' as const], priority: 0.1 },
})

const metaOf = ({ session, messageId }: ResultOf, more: Record<string, unknown> = {}) => ({
  _meta: { 'loom/session': session, 'loom/message': messageId, ...more },
})

/** A file that the answer contains. A file with an address is a link. */
function fileBlock(part: { type: string } & Record<string, unknown>): ContentBlock[] {
  const { type, url, mediaType, filename } = part
  if (type !== 'file' || typeof url !== 'string' || typeof mediaType !== 'string') return []
  const [, data] = /^data:[^,]*;\s*base64,(.*)$/is.exec(url) ?? []
  if (data !== undefined && mediaType.startsWith('image/'))
    return [{ type: 'image', data, mimeType: mediaType }]
  if (data !== undefined && mediaType.startsWith('audio/'))
    return [{ type: 'audio', data, mimeType: mediaType }]
  if (!/^https?:/i.test(url)) return []
  const name = typeof filename === 'string' ? filename : 'file'
  return [{ type: 'resource_link', uri: url, name, mimeType: mediaType }]
}
