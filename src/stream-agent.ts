/**
 * One line between a Hono route and an agent:
 * `app.post('/chat', async (c) => streamAgent(c, agent, (await c.req.json()).messages))`.
 * What fails before the first event is thrown, so that the route can still answer with a status; what
 * fails later is told in the stream.
 */
import type { ToolSet } from 'ai'
import type { Context } from 'hono'

import type { Agent } from './agent.ts'
import { LoomError } from './ground/error.ts'
import type { RunOptions, WithModels } from './run-options.ts'
import type { RunResult } from './run-result.ts'
import { run } from './runner.ts'
import { contextOf } from './runner/context.ts'
import type { Sink } from './sink.ts'
import { readConversation } from './wire/conversation.ts'
import type { FileUrls } from './wire/conversation/file-address.ts'
import { toolSetOf } from './wire/conversation/tool-set.ts'
import { encoderOf, profiles, protocols } from './wire/frames.ts'
import type { Profile, Protocol } from './wire/frames.ts'
import { ResponseSink } from './wire/response.ts'
import type { ResponseOptions } from './wire/response.ts'

/**
 * The options of `streamAgent`.
 * @example
 * ```ts
 * import type { StreamAgentOptions } from 'loom'
 *
 * const options: StreamAgentOptions = {
 *   onDisconnect: 'continue',
 *   onFinish: ({ usage }) => process.emitWarning(`${usage.totalTokens} tokens`),
 * }
 * ```
 */
export interface StreamAgentOptions<CONTEXT = unknown>
  extends
    Pick<
      RunOptions<CONTEXT>,
      'sink' | 'context' | 'signal' | 'models' | 'defaultModel' | 'model' | 'limits' | 'messageId'
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
  fileUrls?: FileUrls
  /** Runs when the run is done, also if the client has disconnected. @defaultValue none */
  onFinish?: (result: RunResult) => void | Promise<void>
  /**
   * Receives the error of a run that failed after its first event, or of `onFinish`. The stream has
   * already reported the failure of the run to the client. @defaultValue ignores it
   */
  onError?: (error: unknown) => void
}

/**
 * Runs an agent on posted messages and streams what happens as the response.
 * @param posted `UIMessage[]` of ai 5 to 7, messages of ai 4, or `ModelMessage[]`
 * @throws LoomError for a bad request, and for whatever `run` rejects with before its first event
 */
export async function streamAgent<CONTEXT = unknown>(
  c: Context,
  agent: Agent<CONTEXT>,
  posted: unknown,
  options: WithModels<StreamAgentOptions<CONTEXT>>,
): Promise<Response> {
  const reading = readingOf(c, options)
  const conversation = await readConversation(
    posted,
    () => toolsOf(agent, options),
    options.fileUrls,
  )
  const messageId = options.messageId ?? conversation.continues
  const reply = new ResponseSink(c, {
    ...options,
    encoder: encoderOf(reading.protocol, reading.profile),
  })
  const begun = Promise.withResolvers<void>()
  const running = run(agent, conversation.messages, {
    ...runOptionsOf(reading, options),
    ...(messageId !== undefined && { messageId }),
    signal: signalOf(reply, options),
    sink: bothSinks((event) => {
      begun.resolve()
      return reply.send(event)
    }, options.sink),
  })
  await Promise.race([begun.promise, running])
  void conclude(running, reply, options)
  return reply.open()
}

export interface Reading {
  profile: Profile | undefined
  protocol: Protocol
}

/**
 * How the answer is to be written: what the caller fixed, else what the request asks for.
 * @throws LoomError `invalid-request` for a profile or protocol that there is not
 */
export function readingOf(
  c: Context,
  options: Pick<StreamAgentOptions, 'profile' | 'protocol'>,
): Reading {
  const profile = c.req.query('profile') ?? c.req.header('x-loom-profile')
  const protocol = c.req.query('protocol')
  return {
    profile: options.profile ?? oneOf(profiles, profile, 'profile'),
    protocol: options.protocol ?? oneOf(protocols, protocol, 'protocol') ?? 'ui',
  }
}

/** What can be asked of whoever reads: a client of ai 5 shows no approvals, plain text shows nothing. */
export const answersOf = ({ profile, protocol }: Reading) => ({
  approvals: profile !== 'v5' && protocol === 'ui',
  clientTools: protocol !== 'text',
})

function oneOf<NAME extends string>(
  names: readonly NAME[],
  given: string | undefined,
  what: string,
): NAME | undefined {
  const name = names.find((name) => name === given)
  if (name !== undefined || given === undefined) return name
  throw new LoomError('invalid-request', `${what} must be one of ${names.join(', ')}.`)
}

/** What this reader cannot be told must not happen: questions, and steps that are withdrawn. */
function runOptionsOf<CONTEXT>(
  { profile, protocol }: Reading,
  { context, models, defaultModel, model, limits }: WithModels<StreamAgentOptions<CONTEXT>>,
): WithModels<RunOptions<CONTEXT>> {
  return {
    models,
    recovery: profile === 'v7' && protocol === 'ui' ? 'reset' : 'continue',
    ...answersOf({ profile, protocol }),
    ...(context !== undefined && { context }),
    ...(defaultModel !== undefined && { defaultModel }),
    ...(model !== undefined && { model }),
    ...(limits !== undefined && { limits }),
  }
}

function signalOf(
  reply: ResponseSink,
  { signal, onDisconnect = 'abort' }: Pick<StreamAgentOptions, 'signal' | 'onDisconnect'>,
): AbortSignal {
  if (onDisconnect === 'continue') return signal ?? new AbortController().signal
  return signal === undefined ? reply.closed : AbortSignal.any([signal, reply.closed])
}

/** The client is never waited for where the other sink is not, and the other way round. */
function bothSinks(reply: Sink, other: Sink | undefined): Sink {
  if (other === undefined) return reply
  return (event) => {
    const waits = [reply(event), other(event)].filter((wait) => wait instanceof Promise)
    return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
  }
}

/** Owns the run once the response is on its way. */
async function conclude(
  running: Promise<RunResult>,
  reply: ResponseSink,
  { onFinish, onError }: Pick<StreamAgentOptions, 'onFinish' | 'onError'>,
): Promise<void> {
  try {
    const result = await running.finally(() => reply.end())
    await onFinish?.(result)
  } catch (error) {
    onError?.(error)
  }
}

/** They say how the model is told of the outputs in the history. */
async function toolsOf<CONTEXT>(
  { tools = [] }: Agent<CONTEXT>,
  options: RunOptions<CONTEXT>,
): Promise<ToolSet> {
  return toolSetOf(typeof tools === 'function' ? await tools(contextOf(options)) : tools)
}
