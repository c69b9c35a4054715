/**
 * Reads the text out of an answer, so that every answer that is timed is also checked. Deliberately
 * plain: what a contender says must be right for any reader of server-sent events.
 */
import { z } from 'zod'

/** AI SDK UI message stream, or the upstream's own chat completion chunks. */
export type Format = 'ui' | 'openai'

const uiEvent = z.object({ type: z.string(), delta: z.string().optional() })

const openaiEvent = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().optional() }) })),
})

/**
 * The text of a body.
 * @throws Error for a stream that ended without `[DONE]` or told of an error.
 */
export function textOf(body: Buffer, format: Format): string {
  const data = body
    .toString('utf8')
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice('data: '.length))
  if (data.pop() !== '[DONE]') throw new Error('The stream ended without [DONE].')
  const read = format === 'ui' ? uiDelta : openaiDelta
  return data.map(read).join('')
}

function uiDelta(data: string): string {
  const event = uiEvent.parse(JSON.parse(data))
  if (event.type === 'error' || event.type === 'abort') throw new Error(`The stream says ${data}`)
  return event.type === 'text-delta' ? (event.delta ?? '') : ''
}

function openaiDelta(data: string): string {
  const { choices } = openaiEvent.parse(JSON.parse(data))
  return choices.map((choice) => choice.delta.content ?? '').join('')
}
