/**
 * Reads an answer over one or more connections. It parses the bytes as events, and after a broken
 * connection it continues after the last complete event. `loomkit/client` has the same rules, but a
 * page cannot load TypeScript. Pure, no DOM.
 */

/** The longest line in characters. A line without an end must not fill the memory of the tab. */
const lineMax = 64_000_000

/** The server sends a comment at least every 15 s, so a longer silence means a lost connection. */
const silenceMaxMs = 40_000

/**
 * Yields the events of one response body: `{ id, chunk }`, and `{ done: true }` for `[DONE]`. It
 * ends with the body, and throws if the body breaks off or is silent.
 */
export async function* eventsOf(body, silenceMs = silenceMaxMs) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    let rest = ''
    let id
    let data = []
    for (;;) {
      const { done, value } = await inTime(reader.read(), silenceMs).catch(throwBrokenOff)
      if (done) return
      const lines = (rest + value).split(/\r\n|\n|\r(?!$)/)
      rest = lines.pop()
      if (rest.length > lineMax) throw new Error('The server sent a line without end.')
      for (const line of lines) {
        if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5))
        else if (line.startsWith('id:')) id = line.slice(3).trim()
        else if (line === '' && data.length > 0) {
          const text = data.join('\n')
          data = []
          yield text === '[DONE]' ? { done: true } : { id, chunk: parseChunk(text) }
        }
      }
    }
  } finally {
    // Without this a reader that stops early would leave the connection open.
    reader.cancel().catch(() => {})
  }
}

function throwBrokenOff(cause) {
  throw Object.assign(new Error('The connection broke off.', { cause }), { status: 0 })
}

function parseChunk(text) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('The server sent something that is no part of an answer.', { cause })
  }
}

/**
 * Follows an answer to its end: `[DONE]`, or an `error`. Any other end is a broken connection,
 * which is opened again until the signal aborts.
 * @param open opens the stream after the id of an event, or from its start
 * @param onLink receives whether the connection is open
 * @returns `done`, `idle` if no answer runs (204), or `gone` if the cursor no longer exists (410)
 * @throws the error of `open`, unless it is temporary
 */
export async function* followed({ open, after, signal, onLink = () => {}, silenceMs, pauseMs }) {
  let cursor = after
  for (let failures = 0; ;) {
    let failed = false
    try {
      const response = await open(cursor)
      if (response.status === 204) return 'idle'
      if (response.status === 410) return 'gone'
      for await (const { id, chunk, done } of eventsOf(response.body, silenceMs)) {
        failures = 0
        onLink(true)
        if (done) return 'done'
        yield { id, chunk }
        cursor = id ?? cursor
        failed = chunk.type === 'error' || (failed && chunk.type !== 'start')
      }
    } catch (error) {
      if (signal.aborted || !mayPass(error)) throw error
    }
    if (failed) return 'done'
    onLink(false)
    await pause(failures++, { signal, pauseMs })
  }
}

/**
 * Whether a failure is temporary: no connection, an instance that shuts down, or an unavailable
 * store.
 */
export const mayPass = ({ status }) => [0, 502, 503, 504].includes(status)

/**
 * Waits. The time doubles with each failure, up to 5 s, with a random part so that clients do not
 * retry together.
 */
export async function pause(failures, { signal, pauseMs = 250 }) {
  const delayMs = Math.min(pauseMs * 2 ** failures, 5000) * (0.5 + Math.random() / 2)
  await new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs)
    signal?.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true })
  })
  signal?.throwIfAborted()
}

async function inTime(work, ms) {
  let timer
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('The server is silent.')), ms)
  })
  try {
    return await Promise.race([work, silence])
  } finally {
    clearTimeout(timer)
  }
}
