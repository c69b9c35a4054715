/** The messages of a client of the WebSocket transport of AI SDK 7 (`WebSocketChatTransportRequest`). */
import { z } from 'zod/v4'

import { LoomError } from '../../src/ground/error.ts'
import { fieldOf, type Fields, isFields, textField } from '../../src/ground/fields.ts'
import { idLengthMax, isId } from '../../src/wire/conversation.ts'
import { readChatBytes } from '../chat-body.ts'
import { issueIn } from '../chat-request.ts'

const id = z.string().refine(isId, `must be Unicode, at most ${idLengthMax} long`)

/** The fields of a message. A later version of the client may add others, which are left out. */
const fields = new Set(
  'type requestId id trigger messageId messages lastSequence headers body'.split(' '),
)

const common = {
  requestId: id,
  id: z.string(),
  headers: z.record(z.string(), z.string()).default({}),
  body: z.custom<Fields>(isFields, 'expected object').default({}),
}

const frame = z.discriminatedUnion('type', [
  z.object({
    ...common,
    type: z.literal('send'),
    trigger: z.string().optional(),
    messageId: z.string().optional(),
    messages: z.array(z.unknown()),
    isAnswered: z.boolean(),
  }),
  z.object({
    ...common,
    type: z.literal('resume'),
    lastSequence: z.int().min(-1).max(Number.MAX_SAFE_INTEGER).optional(),
  }),
  z.object({ type: z.literal('abort'), requestId: id }),
])

export type Frame = z.infer<typeof frame>
export type SendFrame = Extract<Frame, { type: 'send' }>
export type ResumeFrame = Extract<Frame, { type: 'resume' }>

/** A message that is not a request. `requestId` is the id of its request, as far as the message has one. */
export class FrameFault {
  readonly requestId: string
  readonly error: LoomError

  constructor(requestId: string, error: LoomError) {
    this.requestId = requestId
    this.error = error
  }
}

/** @param keepsHistory true if messages before the last one may also be needed */
export async function readFrame(
  bytes: Uint8Array,
  keepsHistory: boolean,
): Promise<Frame | FrameFault> {
  let value: unknown
  try {
    value = await readChatBytes(bytes, { fields, keepsHistory, skipsOthers: true })
  } catch (error) {
    if (!(error instanceof LoomError)) throw error
    return new FrameFault(requestIdIn(bytes), error)
  }
  const result = frame.safeParse(value)
  if (result.success) return result.data
  const requestId = textField(value, 'requestId') ?? ''
  return new FrameFault(
    isId(requestId) ? requestId : '',
    new LoomError('invalid-request', issueIn(result.error)),
  )
}

/**
 * Finds the id of a request that is not read, so that its client learns of the refusal. The transport writes the
 * id at the beginning of a message.
 */
function requestIdIn(bytes: Uint8Array): string {
  const head = Buffer.from(bytes.subarray(0, 1024)).toString('latin1')
  return /^\{"type":"\w+","requestId":"([\w-]{1,256})"/.exec(head)?.[1] ?? ''
}

/** The posted chat in a message, as `DefaultChatTransport` posts it. */
export const postedIn = ({
  body,
  id,
  trigger,
  messageId,
  messages,
  isAnswered,
}: SendFrame): object => ({
  ...body,
  id,
  messages,
  isAnswered,
  ...(trigger !== undefined && { trigger }),
  ...(messageId !== undefined && { messageId }),
})

/** The fields of an `error` message beside its `requestId`. The client shows `errorText`. */
export async function errorIn(response: Response): Promise<object> {
  const text = await response.text()
  const seconds = response.headers.get('retry-after')
  const wait = seconds === null ? {} : { retryAfterMs: Number(seconds) * 1000 }
  const error = fieldOf(jsonIn(text), 'error')
  const message = textField(error, 'message')
  if (message === undefined) return { errorText: text, ...wait }
  return { errorText: message, code: textField(error, 'code'), ...wait }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The error of an application may have any form.
    return undefined
  }
}
