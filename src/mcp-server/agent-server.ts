/** An MCP server whose tools are the agents. It serves one request or one connection. */
import {
  CLIENT_CAPABILITIES_META_KEY,
  type JsonSchemaValidatorResult,
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'

import type { Agent } from '../agent.ts'
import type { LoomError } from '../ground/error.ts'
import { fieldOf } from '../ground/fields.ts'
import { agentTools, structureOf } from './agent-tools.ts'
import { readArguments } from './call-arguments.ts'
import { failureResult, knownFailure } from './call-failure.ts'
import type { CallPlace } from './call-place.ts'
import { acceptCall } from './call-session.ts'
import { showsForms } from './client-forms.ts'
import type { McpHost } from './host.ts'
import { acceptResponses, type CallChannel, ToolCall, type ToolCallResult } from './tool-call.ts'

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

const instructions =
  'Each tool is an agent that answers a message. A result names its session: call the same tool with this session to continue the conversation.'

/** The longest wait for a human on a connection, in milliseconds: a day. */
const humanMs = 24 * 60 * 60 * 1000

/** `questions.ts` reads the answers to forms, so the library need not check them. The artefacts leave its validator out. */
function accepted<VALUE>(data: unknown): JsonSchemaValidatorResult<VALUE>
function accepted(data: unknown): unknown {
  return { valid: true, data, errorMessage: undefined }
}

export function agentServer(host: McpHost, hooks: CallHooks = {}): McpServer {
  const { loom, version } = host
  const mcp = new McpServer(
    { name: 'loom', title: 'Loom', version },
    {
      capabilities: { tools: { listChanged: false } },
      instructions,
      inputRequired: { roundTimeoutMs: humanMs, maxRounds: 100 },
      jsonSchemaValidator: { getValidator: () => accepted },
    },
  )
  mcp.server.setRequestHandler('tools/list', async () => ({
    tools: await agentTools(loom.agents),
  }))
  mcp.server.setRequestHandler('tools/call', async ({ params }, ctx) => {
    const agent = loom.agents.find(({ name }) => name === params.name)
    if (agent === undefined) throw unknownTool(params.name, loom.agents)
    // A request of MCP 2026-07-28 has the capabilities of its client; earlier ones come after `initialize`.
    const own = fieldOf(ctx.mcpReq.envelope, CLIENT_CAPABILITIES_META_KEY)
    const canAsk = showsForms(own ?? mcp.server.getClientCapabilities())
    return callTool(host, { agent, given: params.arguments, canAsk, hooks, ctx })
  })
  return mcp
}

interface Called {
  agent: Agent
  given: unknown
  canAsk: boolean
  hooks: CallHooks
  ctx: ServerContext
}

async function callTool(host: McpHost, call: Called): Promise<ToolCallResult> {
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
  { agent, given, hooks, ctx }: Called,
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

const unknownTool = (name: string, agents: readonly Agent[]) =>
  new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    `There is no tool ${JSON.stringify(name)}. The tools are the agents: ${agents.map((each) => each.name).join(', ')}.`,
  )
