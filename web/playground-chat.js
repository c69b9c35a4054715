/**
 * The conversation, without a page: it posts, reads the stream, keeps the messages, and goes on when
 * the human has answered. It does what `useChat` does with
 * `lastAssistantMessageIsCompleteWith…` set, but only ever posts again because of a click, so that a
 * server that leaves a call open cannot make it post for ever.
 */
import { applyChunk, chunksOf, closeReading, isAnswered, openReading } from './playground-stream.js'

const api = '/api/chat?profile=v7'

/** Random enough to be unique, and there without https, unlike `crypto.randomUUID`. */
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/**
 * @param saved what `snapshot` gave in another life of this page
 * @param changed called whenever something is to be drawn; gets the entry, or nothing when it is all
 */
export function openChat(saved, changed) {
  const chat = {
    id: saved?.id ?? newId(),
    agent: saved?.agent,
    entries: saved?.entries ?? [],
    running: null,
  }
  for (const entry of chat.entries) settleSaved(entry)

  /** Writes into the entry until its stream ends, however it ends. */
  async function stream(entry, request) {
    const controller = new AbortController()
    const turn = { controller, entry }
    chat.running = turn
    Object.assign(entry, { live: true, waiting: false, end: undefined, error: undefined, request })
    const reading = openReading(entry.message)
    entry.inputs = reading.inputs
    changed()
    try {
      const response = await post(chat, entry, controller.signal)
      for await (const chunk of chunksOf(response.body)) {
        applyChunk(reading, chunk)
        changed(entry)
      }
      entry.end = reading.end ?? 'cut'
      entry.error = reading.error
    } catch (error) {
      entry.end = controller.signal.aborted ? 'stopped' : (reading.end ?? endBy(error))
      entry.error = reading.error ?? error.message
    }
    closeReading(reading)
    entry.live = false
    entry.waiting = entry.end === 'finish'
    if (chat.running === turn) chat.running = null
    changed()
    // Answers that were given while the stream was still running count now.
    if (entry.answered) goOn(entry)
  }

  function goOn(entry) {
    entry.answered = true
    if (chat.running !== null || !isAnswered(entry.message) || entry !== chat.entries.at(-1))
      return changed()
    entry.answered = false
    entry.before = structuredClone(entry.message)
    void stream(entry, { trigger: 'submit-message', messageId: entry.message.id })
  }

  /** A new answer to what stands before the entry. */
  function begin(request) {
    const entry = { message: { id: newId(), role: 'assistant', parts: [] } }
    chat.entries.push(entry)
    void stream(entry, request)
  }

  function cutAfter(entry) {
    chat.entries.splice(chat.entries.indexOf(entry))
  }

  return Object.assign(chat, {
    send(parts) {
      chat.entries.push({ message: { id: newId(), role: 'user', parts } })
      begin({ trigger: 'submit-message' })
    },
    stop() {
      chat.running?.controller.abort()
    },
    redo(entry) {
      cutAfter(entry)
      begin({ trigger: 'regenerate-message', messageId: entry.message.id })
    },
    /** The same request again: what went wrong may have passed. */
    retry(entry) {
      if (entry.before !== undefined) {
        entry.message = structuredClone(entry.before)
        void stream(entry, entry.request)
      } else {
        cutAfter(entry)
        begin(entry.request ?? { trigger: 'submit-message' })
      }
    },
    answer(entry, part, output) {
      Object.assign(part, { state: 'output-available', output })
      goOn(entry)
    },
    fail(entry, part, errorText) {
      Object.assign(part, { state: 'output-error', errorText })
      goOn(entry)
    },
    decide(entry, part, { approved, reason }) {
      const approval = { ...part.approval, approved, ...(reason !== '' && { reason }) }
      Object.assign(part, { state: 'approval-responded', approval })
      goOn(entry)
    },
    snapshot: () => ({
      id: chat.id,
      agent: chat.agent,
      entries: chat.entries.map(({ message, live, end, error, request, before }) => ({
        message,
        live,
        end,
        error,
        request,
        before,
      })),
    }),
  })
}

/** What was being written when the page went away was cut off. */
function settleSaved(entry) {
  if (entry.live) {
    entry.end = 'cut'
    for (const part of entry.message.parts) if (part.state === 'streaming') part.state = 'done'
    closeReading(openReading(entry.message))
  }
  entry.live = false
  entry.waiting = entry.end === 'finish'
}

/** The browser's own words for a lost connection ("network error", "Load failed") help nobody. */
const endBy = (error) => (error instanceof TypeError ? 'cut' : 'error')

async function post(chat, entry, signal) {
  const { trigger, messageId } = entry.request
  const index = chat.entries.indexOf(entry)
  // An answer that goes on is posted too; one that begins is not there yet.
  const posted = chat.entries.slice(0, messageId === entry.message.id ? index + 1 : index)
  const body = {
    id: chat.id,
    messages: posted.map(({ message }) => message).filter(({ parts }) => parts.some(isContent)),
    trigger,
    ...(messageId !== undefined && { messageId }),
    ...(chat.agent !== undefined && { agent: chat.agent }),
  }
  const response = await reach(body, signal)
  if (!response.ok) throw new Error(await problemOf(response))
  if (response.body === null) throw new Error('The server sent an empty answer.')
  return response
}

async function reach(body, signal) {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  try {
    return await fetch(api, { method: 'POST', headers, body: JSON.stringify(body), signal })
  } catch (error) {
    if (signal.aborted) throw error
    throw new Error('The server cannot be reached. Is it still running?', { cause: error })
  }
}

/** An assistant message of nothing but step marks is none to a server. */
const isContent = (part) => part.type !== 'step-start'

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
