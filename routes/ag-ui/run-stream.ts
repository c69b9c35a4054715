/** The stream of an AG-UI run: the messages of the thread if the client may have others, and the answer. */
import type { Context } from 'hono'

import { compareIds } from '../../src/store/log.ts'
import type { LogEntry } from '../../src/store/log.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import { AgUiEncoder } from '../../src/wire/frames/ag-ui.ts'
import type { AgUiMessage } from '../../src/wire/frames/ag-ui/events.ts'
import { frameOf, LargeFrame } from '../../src/wire/large-frame.ts'
import { encodedReader, type Reader, streamAnswer, type StreamRequest } from '../session-stream.ts'
import type { SessionWorld } from '../session-world.ts'
import type { AcceptedRun } from './accept-run.ts'
import type { RunInput } from './run-input.ts'
import { ThreadView } from './thread-view.ts'

interface AcceptedInput {
  input: RunInput
  session: SessionRecord | undefined
  accepted: AcceptedRun
}

export async function streamRun(
  c: Context,
  world: SessionWorld,
  { input, session, accepted }: AcceptedInput,
): Promise<Response> {
  const { sessionId } = accepted
  const target = await targetOf(world, session, accepted)
  const view = new ThreadView(world.loom.sessions, sessionId, input)
  const { threadId, runId, parentRunId, asked } = input
  const encoder = new AgUiEncoder({
    threadId,
    runId,
    parentRunId,
    offered: new Set(asked?.tools?.map(({ name }) => name)),
    answered: new Set(accepted.restates ? [] : input.resultIds.keys()),
    note: (event) => view.note(event),
    messages: () => view.messages,
  })
  const reader = encodedReader(c, world, { encoder, floor: 'v7' })
  const { reply } = reader
  void reply.sendEncoded({ type: 'start' }, encoder.started)
  if (target === undefined) void sendThread(world, { view, encoder, reader })
  else {
    const isReset = ({ events }: LogEntry) => events.some(({ type }) => type === 'reset-step')
    void streamAnswer(world, target, {
      ...reader,
      async begin({ logId, after }) {
        view.begin(logId)
        if (accepted.restates) await view.load()
        encoder.begin(accepted.restates ? callIdsIn(view.messages) : callIdsOf(input, logId))
        if (after !== undefined) {
          // The earlier part of the answer: its calls may still wait.
          for (const entry of await world.loom.sessions.readers.entries(sessionId, logId)) {
            if (compareIds(entry.id, after) > 0) break
            for (const event of entry.events) frameOf(encoder, event, '')
          }
        }
        if (accepted.restates) await sendMessages({ view, encoder, reader })
      },
      prepare: (entry) => (isReset(entry) ? view.load() : undefined),
    })
  }
  return reply.open()
}

/** Returns the ids of the calls that the client has in other answers. */
const callIdsOf = ({ calls }: RunInput, logId: string): string[] =>
  calls.flatMap(({ messageId, ids }) => (messageId.startsWith(`${logId}.`) ? [] : ids))

const callIdsIn = (messages: readonly AgUiMessage[]): string[] =>
  messages.flatMap((message) =>
    message.role === 'assistant' ? (message.toolCalls ?? []).map(({ id }) => id) : [],
  )

/** Returns the answer that the run follows. Undefined if the thread has none to follow. */
async function targetOf(
  { loom: { sessions } }: SessionWorld,
  session: SessionRecord | undefined,
  { sessionId, receipt }: AcceptedRun,
): Promise<Omit<StreamRequest, 'reading'> | undefined> {
  if (receipt !== undefined) {
    const { logId, letterId, after, skip, queued, answers, repeated } = receipt
    if (repeated && !queued && !(await sessions.hasLog(sessionId, logId))) return undefined
    return {
      sessionId,
      place: { logId, after, skip },
      ...(queued && letterId !== undefined && { queued: { letterId, logId, answers } }),
    }
  }
  const logId = session?.turn?.logId
  if (logId === undefined || !(await sessions.hasLog(sessionId, logId))) return undefined
  return { sessionId, place: { logId, after: undefined, skip: 0 } }
}

interface Sending {
  view: ThreadView
  encoder: AgUiEncoder
  reader: Reader
}

/** Sends the messages of a thread that has no answer to follow. */
async function sendThread({ loom }: SessionWorld, sending: Sending): Promise<void> {
  const { reply } = sending.reader
  let isWhole = false
  try {
    await sending.view.load()
    await sendMessages(sending)
    isWhole = true
  } catch (error) {
    if (!reply.closed.aborted) loom.report(error)
  } finally {
    reply.end(isWhole)
  }
}

async function sendMessages({ view, encoder, reader: { reply } }: Sending): Promise<void> {
  for (const { before, value, after } of encoder.restated(view.messages, view.state)) {
    await reply.sendPieces(new LargeFrame({ before, value, after }))
  }
}
