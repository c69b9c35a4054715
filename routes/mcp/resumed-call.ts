/** A call that a client of MCP 2025-11-25 or earlier continues at any instance, from the place that it has read. */
import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import { structureOf } from '../../src/mcp-server/agent-tools.ts'
import { failureResult, knownFailure } from '../../src/mcp-server/call-failure.ts'
import { placeIn } from '../../src/mcp-server/call-place.ts'
import type { McpHost } from '../../src/mcp-server/host.ts'
import { ToolCall } from '../../src/mcp-server/tool-call.ts'
import { noSession } from '../../src/session/receipt.ts'
import type { SessionWorld } from '../session-world.ts'
import { CallStream, type StreamedRequest } from './call-stream.ts'
import { tokenOf } from './client-token.ts'

/**
 * @throws LoomError `invalid-request` for an id that is not of such a stream; `not-found` for a session that the principal
 * does not have
 */
export async function resumeCall(
  c: Context,
  world: SessionWorld,
  { host, lastEventId }: { host: McpHost; lastEventId: string },
): Promise<Response> {
  const token = tokenOf(c)
  const found = placeIn(lastEventId)
  const request = found && requestIn(found)
  if (found === undefined || request === undefined) {
    throw new LoomError('invalid-request', 'Last-Event-ID must be the id of an event of a call.')
  }
  const { session, logId, after, skip, letterId, progress, asked } = found
  const place = { session, logId, after, skip, letterId, progress, asked: [...asked] }
  if ((await host.findSession(session, 'reader')) === undefined) throw noSession()
  const agent = world.loom.agents.find(({ name }) => name === request.tool)
  const isStructured = agent !== undefined && (await structureOf(agent)) !== undefined
  const stream = new CallStream(c, world, request)
  const { gone, ask, withdraw } = stream
  const { requestId: id, progressToken } = request
  const call = new ToolCall(host, {
    place,
    isPosted: false,
    channel: {
      cancelled: new AbortController().signal,
      gone,
      canAsk: token?.canAsk === true,
      isStructured,
      ask,
      withdraw,
      ...(progressToken !== undefined && {
        progress: (values) =>
          stream.send(
            {
              jsonrpc: '2.0',
              method: 'notifications/progress',
              params: { progressToken, ...values },
            },
            place,
          ),
      }),
    },
  })
  const response = stream.open(place, token?.version)
  call
    .result()
    .catch((error: unknown) => {
      // The client comes back to another instance.
      if (gone.aborted || knownFailure(error).code === 'unavailable') return undefined
      return failureResult(host, error)
    })
    .then((result) => stream.end(result && { jsonrpc: '2.0', id, result }))
    .catch(world.loom.report)
  return response
}

function requestIn({
  requestId,
  tool,
  progressToken,
}: Record<string, unknown>): StreamedRequest | undefined {
  const isId = (value: unknown) => typeof value === 'string' || typeof value === 'number'
  if (!isId(requestId) || typeof tool !== 'string') return undefined
  return { requestId, tool, ...(isId(progressToken) && { progressToken }) }
}
