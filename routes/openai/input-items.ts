/** `GET /v1/responses/:id/input_items`: what the request of a response added to its conversation. */
import type { UIMessage } from 'ai'
import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import type { Sessions } from '../../src/sessions.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import type { ResponseAnswer } from '../../src/wire/frames/response-fold.ts'
import { numberParameter } from '../number-parameter.ts'
import { keyText, type ResponseKey } from './response-key.ts'

type InputContent =
  | { type: 'input_text'; text: string }
  | { type: 'output_text'; text: string; annotations: never[] }
  | { type: 'input_image'; detail: 'auto'; image_url: string }
  | { type: 'input_file'; file_data: string; filename?: string }

/** An item of the input. A test compares it with the type of OpenAI's client. */
export type InputItem =
  | {
      id: string
      type: 'message'
      role: 'user' | 'assistant'
      status: 'completed'
      content: InputContent[]
    }
  | {
      id: string
      type: 'function_call_output'
      status: 'completed'
      call_id: string
      output: string
    }

/** Returns the items in the order of the request. */
export async function inputItemsOf(
  sessions: Sessions,
  { id }: SessionRecord,
  { key, answers }: { key: ResponseKey; answers: readonly ResponseAnswer[] },
): Promise<InputItem[]> {
  if (answers.length > 0) {
    return answers.map(({ callId, output }, index) => ({
      id: `fco_${keyText(key)}_${index}`,
      type: 'function_call_output',
      status: 'completed',
      call_id: callId,
      output,
    }))
  }
  if (key.inputs === 0) return []
  const queued = (await sessions.queue(id)).find(({ replyId }) => replyId === key.logId)
  if (queued?.message !== undefined) return [itemOf(queued.message)]
  const page = await sessions.messagePage(id, { limit: key.inputs, before: key.logId })
  return (page?.messages ?? []).map(itemOf)
}

const itemOf = ({ id, role, parts }: UIMessage): InputItem => ({
  id,
  type: 'message',
  role: role === 'assistant' ? 'assistant' : 'user',
  status: 'completed',
  content: parts.flatMap((part): InputContent[] => {
    if (part.type === 'text' && role === 'assistant') {
      return [{ type: 'output_text', text: part.text, annotations: [] }]
    }
    if (part.type === 'text') return [{ type: 'input_text', text: part.text }]
    if (part.type !== 'file') return []
    if (part.mediaType.startsWith('image/')) {
      return [{ type: 'input_image', detail: 'auto', image_url: part.url }]
    }
    const named = part.filename !== undefined && { filename: part.filename }
    return [{ type: 'input_file', file_data: part.url, ...named }]
  }),
})

const pageMax = 100

/**
 * Returns a page of items in the form of the API: the newest first, unless the query says `order=asc`.
 * @throws LoomError `invalid-request`
 */
export function pageOf(c: Context, items: readonly InputItem[]) {
  const order = c.req.query('order') ?? 'desc'
  if (order !== 'asc' && order !== 'desc') {
    throw new LoomError('invalid-request', 'order must be asc or desc.')
  }
  const limit = numberParameter(c, 'limit', pageMax) ?? 20
  const ordered = order === 'asc' ? [...items] : items.toReversed()
  const after = c.req.query('after')
  const from = after === undefined ? 0 : ordered.findIndex(({ id }) => id === after) + 1
  if (after !== undefined && from === 0) {
    throw new LoomError('invalid-request', 'after must be the id of an item.')
  }
  const data = ordered.slice(from, from + limit)
  return {
    object: 'list' as const,
    data,
    first_id: data[0]?.id ?? '',
    last_id: data.at(-1)?.id ?? '',
    has_more: from + data.length < ordered.length,
  }
}
