/**
 * The order of one request for the upstream. It is the text of the user's message, because that is
 * the one part that every contender passes on unchanged.
 */
export interface Order {
  /** Connects the client's record with the upstream's. */
  id: number
  /** The number of tokens in the answer. */
  tokens: number
  /** Tokens a second, with one write each; 0 sends all of them at once. */
  rate: number
  /** Milliseconds from the request to the first token. */
  waitMs: number
}

/** `chat`: the body of `useChat` for the first message of a new chat. `completion`: that of OpenAI's API. */
export type BodyForm = 'chat' | 'completion'

export function requestBody(order: Order, form: BodyForm): string {
  const text =
    `Please answer order=${order.id} tokens=${order.tokens} ` +
    `rate=${order.rate} wait=${order.waitMs}`
  if (form === 'completion') {
    const messages = [{ role: 'user', content: text }]
    return JSON.stringify({ model: 'assistant', stream: true, messages })
  }
  return JSON.stringify({
    id: `bench-${order.id}`,
    messages: [{ id: `user-${order.id}`, role: 'user', parts: [{ type: 'text', text }] }],
    trigger: 'submit-message',
  })
}

const pattern = /order=(\d+) tokens=(\d+) rate=(\d+) wait=(\d+)/

/** Finds the order in a request body of any format. */
export function readOrder(body: string): Order | null {
  const match = pattern.exec(body)
  if (match === null) return null
  const [id = 0, tokens = 0, rate = 0, waitMs = 0] = match.slice(1).map(Number)
  return { id, tokens, rate, waitMs }
}
