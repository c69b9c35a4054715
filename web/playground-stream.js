/**
 * An answer as it comes over the wire, on however many connections: bytes to events, and a broken
 * connection goes on after the last whole event. The rules are those of `loom/client`; a page cannot
 * load TypeScript, so they are written here once more. Pure, no DOM.
 */

/** Longer than any frame has a reason to be; a server that never ends a line must not fill the tab. */
const lineMax = 64_000_000

/** The server sends a comment at least every 15 s, so this much silence means that nobody is there. */
const silenceMaxMs = 40_000

/**
 * The events of one response body: `{ id, chunk }`, and `{ done: true }` for `[DONE]`. It ends where
 * the body ends, and fails where that breaks off or falls silent.
 */
export async function* eventsOf(body, silenceMs = silenceMaxMs) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader()
  try {
    let rest = ''
    let id
    let data = []
    for (;;) {
      const { done, value } = await inTime(reader.read(), silenceMs).catch(brokenOff)
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
          yield text === '[DONE]' ? { done: true } : { id, chunk: parsed(text) }
        }
      }
    }
  } finally {
    // Without this a reader that stops early would leave the connection open.
    reader.cancel().catch(() => {})
  }
}

function brokenOff(cause) {
  throw Object.assign(new Error('The connection broke off.', { cause }), { status: 0 })
}

function parsed(text) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('The server sent something that is no part of an answer.', { cause })
  }
}

/**
 * Follows an answer to its end: `[DONE]`, or an `error`. Anything else is a connection that broke off,
 * and is tried again until the signal says otherwise: the reader can do nothing better than wait.
 * @param open asks for the stream after an event's id, or from its start
 * @param onLink told whether there is a connection
 * @returns `done`; `idle` where there is nothing to follow (204); `gone` where the place is lost (410)
 * @throws what `open` refuses for good
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

/** No connection, an instance that is going, a store that is away for a moment. */
export const mayPass = ({ status }) => [0, 502, 503, 504].includes(status)

/** Doubles up to 5 s, and is never the same for all who wait. */
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
