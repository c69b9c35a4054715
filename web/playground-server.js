/**
 * The server's routes as the page calls them. A message is posted and its answer is read in two calls,
 * so that whoever posted reads as everybody else does. A call without an answer is made again: an id
 * makes it one message however often it is posted.
 */
import { mayPass, pause } from './playground-stream.js'

/** Says which chunks this page understands. */
const profile = 'profile=v7'

const attemptsMax = 5

/** What the server refuses; `status` is 0 where it could not be reached. */
export class ServerProblem extends Error {
  constructor(message, status, options) {
    super(message, options)
    this.status = status
  }
}

/** @param key what `openKey` gives; without it no key is sent, and none is asked for */
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

  async function insist(path, init) {
    for (let failures = 0; ; failures++) {
      try {
        return await json(path, init)
      } catch (error) {
        if (!mayPass(error) || failures + 1 >= attemptsMax) throw error
      }
      await pause(failures, { pauseMs })
    }
  }

  const accepted = (path, body, more = {}) =>
    insist(`${path}?${profile}`, {
      method: 'POST',
      body,
      headers: { prefer: 'respond-async', ...more },
    })

  return {
    agents: async () => (await json('/api/agents')).agents ?? [],
    sessions: (before) =>
      json(`/api/chat?limit=30${before === undefined ? '' : `&before=${before}`}`),
    session: (id) => json(chat(id)),
    /** With all that their streams told. */
    messages: (id) => json(`${chat(id, 'messages')}?${profile}&queued=0`),
    queue: async (id) => (await json(chat(id, 'queue'))).queue,
    prompt: (id) => json(chat(id, 'prompt')),
    /** The stream of the unfinished answer, as a response. */
    stream: (id, after, signal) =>
      call(
        `${chat(id, 'stream')}?${profile}${after === undefined ? '' : `&after=${encodeURIComponent(after)}`}`,
        { signal, mayBeGone: true, headers: { accept: 'text/event-stream' } },
      ),
    /** @param idempotencyKey for what has no id of its own: an edit, a regeneration */
    post: (body, idempotencyKey) =>
      accepted('/api/chat', body, idempotencyKey && { 'idempotency-key': idempotencyKey }),
    answer: (id, toolCallId, result) => accepted(chat(id, 'tools', toolCallId), result),
    decide: (id, approvalId, decision) => accepted(chat(id, 'approvals', approvalId), decision),
    stop: (id) => insist(chat(id, 'stop'), { method: 'POST' }),
    withdraw: (id, letterId) => json(chat(id, 'queue', letterId), { method: 'DELETE' }),
    remove: (id) => call(chat(id), { method: 'DELETE' }),
  }
}

const chat = (...path) => ['/api/chat', ...path.map(encodeURIComponent)].join('/')

/** What the server says is wrong, in its words where it has some. */
async function problemOf(response) {
  const text = await response.text().catch(() => '')
  try {
    const body = JSON.parse(text)
    const message = body.error?.message ?? body.message ?? body.error
    if (typeof message === 'string' && message !== '') return message
  } catch {
    // Not JSON: a proxy's page, or plain words.
  }
  const plain = text.length < 500 && !text.includes('<') ? text.trim() : ''
  return plain || `The server answered ${response.status} ${response.statusText}`.trim()
}
