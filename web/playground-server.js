/**
 * A client of the routes of the server. The page posts a message and reads its answer in two
 * requests, so that all tabs read in the same way. A request without a response is sent again. The
 * id of the message makes repeated posts one message.
 */
import { mayPass, pause } from './playground-stream.js'

/** Declares the chunks that this page understands. */
const profile = 'profile=v7'

const attemptsMax = 5

/** A failed request. `status` is the HTTP status, or 0 if the server could not be reached. */
export class ServerProblem extends Error {
  constructor(message, status, options) {
    super(message, options)
    this.status = status
  }
}

/**
 * @param key the result of `openKey`; without it, no key is sent and the human is not asked for one
 */
export function openServer({ fetch: base = (...all) => fetch(...all), key, pauseMs } = {}) {
  async function call(path, { body, headers, signal, mayBeGone = false, ...init } = {}) {
    for (;;) {
      const used = key?.value
      const response = await reach(path, {
        ...init,
        signal,
        headers: {
          accept: 'application/json',
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...(used && { authorization: `Bearer ${used}` }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      if (response.ok || (mayBeGone && response.status === 410)) return response
      if (response.status === 401 && (await key?.ask(used))) continue
      throw new ServerProblem(await problemOf(response), response.status)
    }
  }

  async function reach(path, init) {
    try {
      return await base(path, init)
    } catch (cause) {
      if (init.signal?.aborted) throw cause
      throw new ServerProblem('The server cannot be reached. Is it still running?', 0, { cause })
    }
  }

  const json = async (path, init) => (await call(path, init)).json()

  async function retry(path, init) {
    for (let failures = 0; ; failures++) {
      try {
        return await json(path, init)
      } catch (error) {
        if (!mayPass(error) || failures + 1 >= attemptsMax) throw error
      }
      await pause(failures, { pauseMs })
    }
  }

  const postAsync = (path, body, more = {}) =>
    retry(`${path}?${profile}`, {
      method: 'POST',
      body,
      headers: { prefer: 'respond-async', ...more },
    })

  return {
    agents: async () => (await json('/api/agents')).agents ?? [],
    sessions: (before) =>
      json(`/api/chat?limit=30${before === undefined ? '' : `&before=${before}`}`),
    session: (id) => json(chat(id)),
    /** The messages with all parts that their streams contained. */
    messages: (id) => json(`${chat(id, 'messages')}?${profile}&queued=0`),
    queue: async (id) => (await json(chat(id, 'queue'))).queue,
    prompt: (id) => json(chat(id, 'prompt')),
    /** The inner state of a conversation. Only an admin may see it. */
    inspect: (id) => json(chat(id, 'inspect')),
    /** Returns the response with the stream of the running answer. */
    stream: (id, after, signal) =>
      call(
        `${chat(id, 'stream')}?${profile}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`,
        { signal, mayBeGone: true, headers: { accept: 'text/event-stream' } },
      ),
    /**
     * @param idempotencyKey needed for a post without a new message id: an edit or a regeneration
     */
    post: (body, idempotencyKey) =>
      postAsync('/api/chat', body, idempotencyKey && { 'idempotency-key': idempotencyKey }),
    answer: (id, toolCallId, result) => postAsync(chat(id, 'tools', toolCallId), result),
    decide: (id, approvalId, decision) => postAsync(chat(id, 'approvals', approvalId), decision),
    /** @param tree whether all tasks below stop too */
    stop: (id, { tree = false } = {}) =>
      retry(`${chat(id, 'stop')}${tree ? '?tree=1' : ''}`, { method: 'POST' }),
    /** The tasks below a conversation. */
    tasks: async (id) => (await json(chat(id, 'tasks'))).tasks,
    withdraw: (id, letterId) => json(chat(id, 'queue', letterId), { method: 'DELETE' }),
    remove: (id) => call(chat(id), { method: 'DELETE' }),
  }
}

const chat = (...path) => ['/api/chat', ...path.map(encodeURIComponent)].join('/')

/** Returns the error text of a response, or a text with its status. */
async function problemOf(response) {
  const text = await response.text().catch(() => '')
  try {
    const body = JSON.parse(text)
    const message = body.error?.message ?? body.message ?? body.error
    if (typeof message === 'string' && message !== '') return message
  } catch {
    // The body is not JSON: a page of a proxy, or plain text.
  }
  const plain = text.length < 500 && !text.includes('<') ? text.trim() : ''
  return plain || `The server answered ${response.status} ${response.statusText}`.trim()
}
