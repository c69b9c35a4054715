/**
 * One line between a Hono route and an agent: `app.post('/chat', (c) => streamAgent(c, agent))`.
 * A failure before the first event is thrown, so that the route can still answer with a status. The
 * stream reports a later failure.
 */
import type { Context } from 'hono'

import type { Agent } from './agent.ts'
import { LoomError } from './ground/error.ts'
import { fieldsOf } from './ground/fields.ts'
import { type FieldsOf, refuseMisspeltFields } from './ground/known-fields.ts'
import type { RunOptions, WithModels } from './run-options.ts'
import type { RunResult } from './run-result.ts'
import { run } from './runner.ts'
import { earlyTools } from './runner/callback-result.ts'
import { contextOf } from './runner/context.ts'
import type { Sink } from './sink.ts'
import { readConversation } from './wire/conversation.ts'
import type { FileUrls } from './wire/conversation/file-address.ts'
import { toolSetOf } from './wire/conversation/tool-set.ts'
import { encoderOf, isAtLeast, type Profile, type Protocol } from './wire/frames.ts'
import { answersOf, type Reading, readingOf } from './wire/reading.ts'
import { ResponseSink } from './wire/response.ts'
import type { ResponseOptions } from './wire/response.ts'
import { checkUnread } from './wire/unread-body.ts'

/**
 * The options of `streamAgent`.
 * @example
 * ```ts
 * import type { StreamAgentOptions } from 'loomkit'
 *
 * const options: StreamAgentOptions = {
 *   onDisconnect: 'continue',
 *   onFinish: ({ usage }) => process.emitWarning(`${usage.totalTokens} tokens`),
 * }
 * ```
 */
export interface StreamAgentOptions<CONTEXT = undefined, OUTPUT = unknown>
  extends
    Pick<
      RunOptions<CONTEXT>,
      | 'sink'
      | 'context'
      | 'principal'
      | 'signal'
      | 'models'
      | 'defaultModel'
      | 'model'
      | 'limits'
      | 'clock'
      | 'messageId'
    >,
    Pick<ResponseOptions, 'keepAliveMs' | 'maxBufferedBytes' | 'stallMs'> {
  /** The effect on the run if the client disconnects. @defaultValue 'abort' */
  onDisconnect?: 'abort' | 'continue'
  /** The AI SDK major of the client. @defaultValue `?profile=` or `x-loom-profile` of the request */
  profile?: Profile
  /** The protocol of the response. @defaultValue `?protocol=` of the request, or `ui` */
  protocol?: Protocol
  /**
   * The addresses that a posted file may have besides a `data:` URL. `public` allows `https:` addresses
   * outside private networks, `any` also `http:` and private networks. @defaultValue 'public'
   */
  fileUrls?: Exclude<FileUrls, 'download'>
  /** Runs when the run is done, also if the client has disconnected. @defaultValue none */
  onFinish?: (result: RunResult<OUTPUT>) => void | Promise<void>
  /**
   * Receives the error of a run that failed after its first event, or of `onFinish`. The stream has
   * already reported the failure of the run to the client. @defaultValue ignores it
   */
  onError?: (error: unknown) => void
}

const optionFields: FieldsOf<StreamAgentOptions> = {
  sink: true,
  context: true,
  principal: true,
  signal: true,
  models: true,
  defaultModel: true,
  model: true,
  limits: true,
  clock: true,
  messageId: true,
  keepAliveMs: true,
  maxBufferedBytes: true,
  stallMs: true,
  onDisconnect: true,
  profile: true,
  protocol: true,
  fileUrls: true,
  onFinish: true,
  onError: true,
}

/**
 * Runs an agent on posted messages and streams its events as the response.
 * @param posted `UIMessage[]` of ai 5 to 7, messages of ai 4, or `ModelMessage[]`. Undefined reads the
 * `messages` of the JSON body
 * @throws LoomError for a bad request, and each error that `run` throws before its first event
 */
export async function streamAgent<CONTEXT = unknown, OUTPUT = unknown>(
  c: Context,
  agent: Agent<CONTEXT, OUTPUT>,
  posted: unknown,
  options: WithModels<StreamAgentOptions<CONTEXT, OUTPUT>>,
): Promise<Response> {
  refuseMisspeltFields(options, { subject: 'The options of streamAgent have', known: optionFields })
  const reading = readingOf(c, options)
  const messages = posted === undefined ? await messagesIn(c) : posted
  const conversation = await readConversation(
    messages,
    // The tools decide the form in which the model gets the outputs in the history.
    async () => toolSetOf(await earlyTools(agent, contextOf(options), () => c.req.raw.signal)),
    options.fileUrls,
  )
  const messageId = options.messageId ?? conversation.continues
  const reply = new ResponseSink(c, {
    ...options,
    encoder: encoderOf(reading.protocol, reading.profile),
  })
  const start = Promise.withResolvers<void>()
  const result = run(agent, conversation.messages, {
    ...runOptionsOf(reading, options),
    ...(messageId !== undefined && { messageId }),
    signal: signalOf(reply, options),
    sink: bothSinks((event) => {
      start.resolve()
      return reply.send(event)
    }, options.sink),
  })
  await Promise.race([start.promise, result])
  void conclude(result, reply, options)
  return reply.open()
}

/** @throws LoomError `invalid-request`; `invalid-config` if a body parser has read the body */
async function messagesIn(c: Context): Promise<unknown> {
  checkUnread(c)
  try {
    return fieldsOf(await c.req.json())['messages']
  } catch (cause) {
    throw new LoomError('invalid-request', 'The body must be JSON with the field "messages".', {
      cause,
    })
  }
}

/** Excludes questions and withdrawn steps from the run if the client cannot show them. */
function runOptionsOf<CONTEXT>(
  { profile, protocol }: Reading,
  {
    context,
    principal,
    models,
    defaultModel,
    model,
    limits,
    clock,
  }: WithModels<Omit<StreamAgentOptions<CONTEXT>, 'onFinish'>>,
): WithModels<RunOptions<CONTEXT>> {
  return {
    models,
    recovery: isAtLeast(profile, 'v7') && protocol === 'ui' ? 'reset' : 'continue',
    ...answersOf({ profile, protocol }),
    ...(context !== undefined && { context }),
    ...(principal !== undefined && { principal }),
    ...(defaultModel !== undefined && { defaultModel }),
    ...(model !== undefined && { model }),
    ...(limits !== undefined && { limits }),
    ...(clock !== undefined && { clock }),
  }
}

function signalOf(
  reply: ResponseSink,
  { signal, onDisconnect = 'abort' }: Pick<StreamAgentOptions, 'signal' | 'onDisconnect'>,
): AbortSignal {
  if (onDisconnect === 'continue') return signal ?? new AbortController().signal
  return signal === undefined ? reply.closed : AbortSignal.any([signal, reply.closed])
}

/** Sends each event to both sinks at the same time, and waits for both. */
function bothSinks(reply: Sink, other: Sink | undefined): Sink {
  if (other === undefined) return reply
  return (event) => {
    const waits = [reply(event), other(event)].filter((wait) => wait instanceof Promise)
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
  }
}

/** Waits for the end of the run after the response has begun, and handles its failure. */
async function conclude<OUTPUT>(
  pendingResult: Promise<RunResult<OUTPUT>>,
  reply: ResponseSink,
  { onFinish, onError }: Pick<StreamAgentOptions<unknown, OUTPUT>, 'onFinish' | 'onError'>,
): Promise<void> {
  try {
    const result = await pendingResult.finally(() => reply.end())
    await onFinish?.(result)
  } catch (error) {
    onError?.(error)
  }
}
