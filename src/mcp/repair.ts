/**
 * Repairs an answer of an MCP server if one part of it is invalid. Without the repair, the MCP client
 * would refuse the whole answer.
 */
import { objectIn } from '../ground/fields.ts'
import { repairCallResult } from './call-result.ts'
import { repairTools } from './tool-list.ts'

/** The requests whose answers are repaired. */
export type RepairedMethod = 'tools/list' | 'tools/call'

/** Returns a JSON-RPC message. If it is an answer with a result, the result is repaired. */
export function repairMessage(message: unknown, method: RepairedMethod): unknown {
  const answer = objectIn(message)
  if (answer === undefined || !('result' in answer)) return message
  const { result } = answer
  if (method === 'tools/call') return { ...answer, result: repairCallResult(result) }
  const list = objectIn(result)
  const tools = list?.['tools']
  return Array.isArray(tools)
    ? { ...answer, result: { ...list, tools: repairTools(tools) } }
    : message
}

/** Repairs the response of an HTTP server to one of these requests: JSON, or a stream of events with JSON. */
export function repairResponse(response: Response, method: RepairedMethod): Response {
  const { body, headers, status, statusText } = response
  const isStream = headers.get('content-type')?.includes('text/event-stream') === true
  if (!response.ok || body === null) return response
  const newBody = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(isStream ? eachLine(method) : whole(method))
    .pipeThrough(new TextEncoderStream())
  const newHeaders = new Headers(headers)
  newHeaders.delete('content-length')
  newHeaders.delete('content-encoding')
  return new Response(newBody, { headers: newHeaders, status, statusText })
}

function whole(method: RepairedMethod): TransformStream<string, string> {
  let text = ''
  return new TransformStream({
    transform: (piece) => void (text += piece),
    flush: (controller) => controller.enqueue(repairText(text, method)),
  })
}

function eachLine(method: RepairedMethod): TransformStream<string, string> {
  let rest = ''
  return new TransformStream({
    transform: (piece, controller) => {
      const lines = `${rest}${piece}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) controller.enqueue(`${repairLine(line, method)}\n`)
    },
    flush: (controller) => controller.enqueue(repairLine(rest, method)),
  })
}

const repairLine = (line: string, method: RepairedMethod): string =>
  line.startsWith('data:') ? `data: ${repairText(line.slice(5), method)}` : line

function repairText(text: string, method: RepairedMethod): string {
  try {
    return JSON.stringify(repairMessage(JSON.parse(text), method))
  } catch {
    // The MCP client reports invalid JSON.
    return text
  }
}
