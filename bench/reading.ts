/**
 * Reads the text of an answer, so that every timed answer is also checked. It is simple on purpose:
 * the stream of a contender must be correct for any reader of server-sent events.
 */
import { z } from 'zod'

/** The AI SDK's UI message stream, or the upstream's own chat completion chunks. */
export type Format = 'ui' | 'openai'

const uiEvent = z.object({ type: z.string(), delta: z.string().optional() })

const openaiEvent = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().optional() }) })),
})

/**
 * Returns the text of a body.
 * @throws Error for a stream that ended without `[DONE]` or reported an error.
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
