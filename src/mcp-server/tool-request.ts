/** A request to call a tool: it is accepted or refused, and then read to its result. */
import { ProtocolError, ProtocolErrorCode, type ServerContext } from '@modelcontextprotocol/server'

import type { Agent } from '../agent.ts'
import type { LoomError } from '../ground/error.ts'
import { structureOf } from './agent-tools.ts'
import { readArguments } from './call-arguments.ts'
import { failureResult, knownFailure } from './call-failure.ts'
import type { CallPlace } from './call-place.ts'
import { acceptCall } from './call-session.ts'
import type { McpHost } from './host.ts'
import { acceptResponses } from './responses.ts'
import { type CallChannel, ToolCall, type ToolCallResult } from './tool-call.ts'

/** What a transport adds to a call. */
export interface CallHooks extends Pick<CallChannel, 'gone' | 'ask' | 'withdraw'> {
  /** Aborted if the client cancels the request. @defaultValue the signal of the library */
  cancelled?: AbortSignal
  /** Identifies the request, if its client counts its requests. */
  requestKey?: string | undefined
  /** Called if the server cannot accept the call now, before the client has received anything. */
  onRefusal?: (error: LoomError) => void
  /** Called if the call cannot go on here, and its client can continue it at another instance. */
  onLost?: () => void
  /** Called with the place of an accepted call, which the call then changes. */
  onAccepted?: (place: CallPlace) => void
}

export interface ToolRequest {
  agent: Agent
  /** The arguments as the client sent them, not checked. */
  given: unknown
  /** Whether the client can show a form to a human. */
  canAsk: boolean
  hooks: CallHooks
  ctx: ServerContext
}

/** @throws ProtocolError for a refusal that `onRefusal` received; the reason of a signal */
export async function callTool(host: McpHost, call: ToolRequest): Promise<ToolCallResult> {
  const { agent, canAsk, hooks, ctx } = call
  const { _meta: meta, notify } = ctx.mcpReq
  const signal = hooks.cancelled ?? ctx.mcpReq.signal
  let isAccepted = false
  try {
    const { place, isPosted } = await acceptedPlace(host, call)
    isAccepted = true
    hooks.onAccepted?.(place)
    host.onAccepted?.({ sessionId: place.session, messageId: place.logId })
    const token = meta?.progressToken
    const channel: CallChannel = {
      ...hooks,
      cancelled: signal,
      canAsk,
      isStructured: (await structureOf(agent)) !== undefined,
      ...(token !== undefined && {
        progress: (progress) =>
          notify({
            method: 'notifications/progress',
            params: { progressToken: token, ...progress },
          }),
      }),
    }
    return await new ToolCall(host, { place, isPosted, channel }).result()
  } catch (error) {
    if (signal.aborted || hooks.gone?.aborted === true) throw error
    return failed(host, error, { isAccepted, hooks })
  }
}

async function acceptedPlace(
  host: McpHost,
  { agent, given, hooks, ctx }: ToolRequest,
): Promise<{ place: CallPlace; isPosted: boolean }> {
  const state = ctx.mcpReq.requestState<string>()
  if (state !== undefined) {
    const { inputResponses = {} } = ctx.mcpReq
    return { place: await acceptResponses(host, state, inputResponses), isPosted: true }
  }
  const { session, receipt, isPosted } = await acceptCall(host, {
    agent,
    arguments: readArguments(given),
    requestKey: hooks.requestKey,
  })
  const { logId, after, skip, queued, letterId } = receipt
  return {
    isPosted,
    place: {
      session,
      logId,
      after,
      skip,
      ...(queued && { letterId }),
      progress: 0,
      asked: [],
    },
  }
}

/** A refusal that the same request may not get later is for the client, and every other failure is for its model. */
function failed(
  host: McpHost,
  error: unknown,
  { isAccepted, hooks }: { isAccepted: boolean; hooks: CallHooks },
): ToolCallResult {
  const failure = knownFailure(error)
  if (!isAccepted && hooks.onRefusal !== undefined && isForClient(failure)) {
    hooks.onRefusal(failure)
    throw new ProtocolError(ProtocolErrorCode.InternalError, failure.message)
  }
  if (isAccepted && failure.code === 'unavailable') hooks.onLost?.()
  return failureResult(host, error)
}

/** The codes of failures after which a client sends the same request again, or that no model can correct. */
const isForClient = ({ code }: LoomError): boolean =>
  code === 'limited' || code === 'unavailable' || code === 'internal'
