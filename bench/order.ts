/**
 * What one request asks the upstream for. It travels as the text of the user's message, since that is
 * the one thing every contender hands on unchanged, whatever else it does to the request.
 */
export interface Order {
  /** Joins what the client saw with what the upstream sent. */
  id: number
  /** How many tokens the answer has. */
  tokens: number
  /** Tokens a second, one write each; 0 sends them all at once. */
  rate: number
  /** Milliseconds from the request to the first token. */
  waitMs: number
}

/** What `useChat` posts for the first message of a new chat. */
export function requestBody(order: Order): string {
  const text =
    `Please answer order=${order.id} tokens=${order.tokens} ` +
    `rate=${order.rate} wait=${order.waitMs}`
  return JSON.stringify({
    id: `bench-${order.id}`,
    messages: [{ id: `user-${order.id}`, role: 'user', parts: [{ type: 'text', text }] }],
    trigger: 'submit-message',
  })
}

const pattern = /order=(\d+) tokens=(\d+) rate=(\d+) wait=(\d+)/

/** Finds the order in a request body of any format. */
export function readOrder(body: string): Order | null {
  const found = pattern.exec(body)
  if (found === null) return null
  const [id = 0, tokens = 0, rate = 0, waitMs = 0] = found.slice(1).map(Number)
  return { id, tokens, rate, waitMs }
}
