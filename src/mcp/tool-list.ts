/**
 * Repairs the list of tools that a server sends. The MCP client validates the list as a whole, so one tool
 * with an invalid field would lose all the others. The repaired list fits the protocol's schema
 * (https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool).
 */
import { objectIn } from '../ground/fields.ts'

const texts = ['title', 'description'] as const
const objects = ['outputSchema', '_meta'] as const

/** Returns a JSON-RPC message. If it lists tools, each tool with a name is repaired, others are removed. */
export function repairToolList(message: unknown): unknown {
  const result = objectIn(objectIn(message)?.['result'])
  const tools = result?.['tools']
  if (!Array.isArray(tools)) return message
  return { ...objectIn(message), result: { ...result, tools: tools.flatMap(repairTool) } }
}

function repairTool(value: unknown): unknown[] {
  const tool = objectIn(value)
  const { name } = tool ?? {}
  if (tool === undefined || typeof name !== 'string' || name === '') return []
  const whole: Record<string, unknown> = { name, inputSchema: repairSchema(tool['inputSchema']) }
  for (const key of texts) if (typeof tool[key] === 'string') whole[key] = tool[key]
  for (const key of objects) if (objectIn(tool[key]) !== undefined) whole[key] = tool[key]
  const annotations = objectIn(tool['annotations'])
  if (annotations !== undefined) whole['annotations'] = repairHints(annotations)
  return [whole]
}

/** Returns a schema of an object, since the arguments of a call are always an object. */
function repairSchema(value: unknown): Record<string, unknown> {
  const schema = objectIn(value) ?? {}
  const { properties, ...rest } = schema
  const isObject = schema['type'] === undefined || schema['type'] === 'object'
  if (!isObject) return { type: 'object' }
  const fields = objectIn(properties)
  return { ...rest, type: 'object', ...(fields !== undefined && { properties: fields }) }
}

function repairHints(annotations: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(annotations)
  return Object.fromEntries(
    entries.filter(([key, value]) =>
      key === 'title' ? typeof value === 'string' : typeof value === 'boolean',
    ),
  )
}

/** Repairs the response of an HTTP server to `tools/list`: JSON, or a stream of events with JSON. */
export function repairToolsResponse(response: Response): Response {
  const { body, headers, status, statusText } = response
  const isStream = headers.get('content-type')?.includes('text/event-stream') === true
  if (!response.ok || body === null) return response
  const newBody = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(isStream ? eachLine() : whole())
    .pipeThrough(new TextEncoderStream())
  const newHeaders = new Headers(headers)
  newHeaders.delete('content-length')
  newHeaders.delete('content-encoding')
  return new Response(newBody, { headers: newHeaders, status, statusText })
}

function whole(): TransformStream<string, string> {
  let text = ''
  return new TransformStream({
    transform: (piece) => void (text += piece),
    flush: (controller) => controller.enqueue(repairText(text)),
  })
}

function eachLine(): TransformStream<string, string> {
  let rest = ''
  return new TransformStream({
    transform: (piece, controller) => {
      const lines = `${rest}${piece}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) controller.enqueue(`${repairLine(line)}\n`)
    },
    flush: (controller) => controller.enqueue(repairLine(rest)),
  })
}

const repairLine = (line: string): string =>
  line.startsWith('data:') ? `data: ${repairText(line.slice(5))}` : line

function repairText(text: string): string {
  try {
    return JSON.stringify(repairToolList(JSON.parse(text)))
  } catch {
    // The MCP client reports invalid JSON.
    return text
  }
}
