/**
 * The list of tools that a server sends, read liberally: one tool with a bad field would otherwise cost
 * all the others, since the client checks the list as a whole. What is left fits the protocol's schema
 * (https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool).
 */
import { objectIn } from '../fields.ts'

const texts = ['title', 'description'] as const
const objects = ['outputSchema', '_meta'] as const

/** A JSON-RPC message; one that lists tools comes back with every tool that has a name, made whole. */
export function withWholeTools(message: unknown): unknown {
  const result = objectIn(objectIn(message)?.['result'])
  const tools = result?.['tools']
  if (!Array.isArray(tools)) return message
  return { ...objectIn(message), result: { ...result, tools: tools.flatMap(wholeTool) } }
}

function wholeTool(given: unknown): unknown[] {
  const tool = objectIn(given)
  const { name } = tool ?? {}
  if (tool === undefined || typeof name !== 'string' || name === '') return []
  const whole: Record<string, unknown> = { name, inputSchema: wholeSchema(tool['inputSchema']) }
  for (const key of texts) if (typeof tool[key] === 'string') whole[key] = tool[key]
  for (const key of objects) if (objectIn(tool[key]) !== undefined) whole[key] = tool[key]
  const annotations = objectIn(tool['annotations'])
  if (annotations !== undefined) whole['annotations'] = wholeHints(annotations)
  return [whole]
}

/** The arguments of a call are always an object. */
function wholeSchema(given: unknown): Record<string, unknown> {
  const schema = objectIn(given) ?? {}
  const { properties, ...rest } = schema
  const isObject = schema['type'] === undefined || schema['type'] === 'object'
  if (!isObject) return { type: 'object' }
  const fields = objectIn(properties)
  return { ...rest, type: 'object', ...(fields !== undefined && { properties: fields }) }
}

function wholeHints(annotations: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(annotations)
  return Object.fromEntries(
    entries.filter(([key, value]) =>
      key === 'title' ? typeof value === 'string' : typeof value === 'boolean',
    ),
  )
}

/** The answer of an HTTP server to a request for its tools: JSON, or events that hold it. */
export function wholeToolsResponse(response: Response): Response {
  const { body, headers, status, statusText } = response
  const isStream = headers.get('content-type')?.includes('text/event-stream') === true
  if (!response.ok || body === null) return response
  const repaired = body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(isStream ? eachLine() : whole())
    .pipeThrough(new TextEncoderStream())
  const kept = new Headers(headers)
  kept.delete('content-length')
  kept.delete('content-encoding')
  return new Response(repaired, { headers: kept, status, statusText })
}

function whole(): TransformStream<string, string> {
  let text = ''
  return new TransformStream({
    transform: (piece) => void (text += piece),
    flush: (controller) => controller.enqueue(repaired(text)),
  })
}

function eachLine(): TransformStream<string, string> {
  let rest = ''
  return new TransformStream({
    transform: (piece, controller) => {
      const lines = `${rest}${piece}`.split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) controller.enqueue(`${repairedLine(line)}\n`)
    },
    flush: (controller) => controller.enqueue(repairedLine(rest)),
  })
}

const repairedLine = (line: string): string =>
  line.startsWith('data:') ? `data: ${repaired(line.slice(5))}` : line

function repaired(text: string): string {
  try {
    return JSON.stringify(withWholeTools(JSON.parse(text)))
  } catch {
    // The client says what is wrong with it.
    return text
  }
}
