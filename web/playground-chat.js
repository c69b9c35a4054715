/**
 * One conversation, without a page. The server holds it: what is shown is what the server says, and
 * what is posted is only ever one message. Whoever began the turn that runs, this tab or another, it is
 * read from `GET …/stream`, and what it left is loaded again when it is over.
 */
import { askedIn, emptyAnswer, entriesOf } from './playground-entries.js'
import { applyChunk, closeReading, openReading } from './playground-reading.js'
import { followed, mayPass, pause } from './playground-stream.js'

/** Random enough to be unique, and there without https, unlike `crypto.randomUUID`. */
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/**
 * @param id of a conversation on the server; without it a new one begins with the first message
 * @param kept entries of a conversation that the server no longer has, to be shown above
 * @param changed called whenever something is to be drawn; gets the entry, or nothing when it is all
 */
export function openChat({ server, id, agent, kept = [], changed = () => {}, pauseMs }) {
  const leaving = new AbortController()
  const { signal } = leaving
  const chat = {
    id: id ?? newId(),
    agent,
    isNew: id === undefined,
    /** Whether it was loaded, or is new. */
    isLoaded: id === undefined,
    /** `{ message, live, waiting, end, error, state, … }`, in the order of the conversation. */
    entries: [],
    kept,
    /** `ok`, `lost` (tried again), `gone` (not on the server), `denied` (no key). */
    link: 'ok',
    /** What could not be done, in words. */
    problem: '',
    isStopping: false,
    /** The session as it was last seen. */
    seen: undefined,
    get busy() {
      return chat.entries.some(({ live, state }) => live || state === 'sending')
    },
  }
  let watching
  let isNews = false
  let answers = Promise.resolve()

  const tell = (entry) => !signal.aborted && changed(entry)

  function setLink(link) {
    if (chat.link === link) return
    chat.link = link
    tell()
  }

  // --- What the server holds ---

  async function load(known) {
    const record = known ?? (await server.session(chat.id))
    const [messages, queue] = await Promise.all([
      server.messages(chat.id),
      record.queued > 0 ? server.queue(chat.id) : [],
    ])
    signal.throwIfAborted()
    chat.entries = entriesOf(chat.entries, { record, messages, queue })
    if (record.state !== 'running') chat.isStopping = false
    Object.assign(chat, { seen: record, isLoaded: true, isNew: false, link: 'ok' })
    chat.agent ??= record.agent
    tell()
    return record
  }

  // --- Reading along ---

  /** Loads, follows what runs, and loads again, until nothing runs. */
  function watch() {
    isNews = true
    watching ??= watchOn().finally(() => {
      watching = undefined
      tell()
    })
    return watching
  }

  async function watchOn() {
    for (let failures = 0; isNews && !signal.aborted;) {
      try {
        isNews = false
        const record = await load()
        const entry = chat.entries.find(({ live, waiting }) => live || waiting)
        if (entry === undefined || isRead(entry, record)) continue
        const events = await follow(entry)
        // Over, but not yet stored: a moment.
        if (events === 0 && record.state === 'running') await pause(0, { signal, pauseMs })
        isNews ||= events > 0 || record.state === 'running'
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        fail(error)
        if (!mayPass(error)) return
        isNews = true
        await pause(failures++, { signal, pauseMs }).catch(() => {})
      }
    }
  }

  const isRead = (entry, { state, turn }) =>
    state === 'waiting' && entry.cursor?.startsWith(`${turn.lastId}.`)

  /** Writes into the entry until its stream ends. How many events that brought. */
  async function follow(entry) {
    // From the start the message is made anew; what is shown of it stays until it is.
    entry.reading ??= openReading(emptyAnswer(entry.message.id))
    const { reading } = entry
    entry.inputs = reading.inputs
    const events = followed({
      open: (after) => server.stream(chat.id, after, signal),
      after: entry.cursor,
      signal,
      pauseMs,
      onLink: (isThere) => setLink(isThere ? 'ok' : 'lost'),
    })
    for (let count = 0; ; count++) {
      const { done, value } = await events.next()
      if (done) return settle(entry, value, count)
      const { id: cursor, chunk } = value
      // Another turn has begun since the session was read: its question is not loaded yet.
      if (
        chunk.type === 'start' &&
        (chunk.messageId ?? reading.message.id) !== reading.message.id
      ) {
        await events.return()
        return count + 1
      }
      applyChunk(reading, chunk)
      entry.cursor = cursor ?? entry.cursor
      entry.message = reading.message
      tell(entry)
    }
  }

  function settle(entry, how, count) {
    const { reading } = entry
    // The log no longer holds that place: the history does, or the stream from its start.
    if (how === 'gone') Object.assign(entry, { reading: undefined, cursor: undefined })
    if (how !== 'done') return how === 'gone' ? 1 : count
    closeReading(reading)
    entry.asked = askedIn(reading.message)
    Object.assign(entry, { live: false, end: reading.end ?? undefined, error: reading.error })
    return count
  }

  function fail(error) {
    if (mayPass(error)) setLink('lost')
    else if (isGone(error)) setLink('gone')
    else if (error.status === 401) setLink('denied')
    else chat.problem = error.message
    chat.isLoaded = true
    for (const entry of chat.entries) if (chat.link !== 'lost') entry.live = entry.waiting = false
    tell()
  }

  // --- Acting ---

  /** Does what a button asks for, and shows what came of it. */
  async function act(work) {
    chat.problem = ''
    try {
      await work()
    } catch (error) {
      if (error.status === 401) setLink('denied')
      if (isGone(error) && (await isForgotten())) {
        fail(error)
        return
      }
      chat.problem = error.message
      tell()
    }
    // What was posted may begin a turn, and what was refused shows that this page was behind.
    if (!chat.isNew) void watch()
  }

  /** @returns `gone` where the server no longer has the conversation: nothing was posted */
  async function deliver(entry, whenBusy) {
    chat.problem = ''
    Object.assign(entry, { state: 'sending', error: undefined, whenBusy })
    tell()
    // A post would begin the conversation anew, without what is shown of it.
    if (await isForgotten()) return leaveOut(entry)
    const { id, agent } = chat
    try {
      const { message } = entry
      const trigger = 'submit-message'
      // Also a server that restarts just now must not begin it anew.
      const continues = !chat.isNew
      const reply = await server.post({ id, message, trigger, agent, whenBusy, continues })
      entry.state = reply.queued ? 'queued' : undefined
      entry.letterId = reply.letterId
      chat.isNew = false
    } catch (error) {
      Object.assign(entry, { state: 'failed', error: error.message })
      if (error.status === 401) setLink('denied')
      if (error.status === 410) return leaveOut(entry)
    }
    await refresh()
    if (!chat.isNew) void watch()
  }

  /** While a turn is read the queue changes too. */
  async function refresh() {
    if (watching === undefined || chat.isNew) return tell()
    await load().catch(() => {})
  }

  const cutAnd = (entry, body) =>
    act(() => server.post({ id: chat.id, agent: chat.agent, ...body }, newId()))

  function leaveOut(entry) {
    chat.entries = chat.entries.filter((other) => other !== entry)
    for (const other of chat.entries) asForgotten(other)
    setLink('gone')
    return 'gone'
  }

  /** What was acted on may be gone alone: only of the session itself is it known that all is. */
  const isForgotten = () =>
    chat.isNew
      ? false
      : server.session(chat.id).then(
          () => false,
          (error) => isGone(error),
        )

  /** One after the other: a session that goes on with one answer cannot take the next. */
  function respond(entry, part, work) {
    entry.sent = new Set(entry.sent).add(part.toolCallId)
    tell()
    answers = answers.then(async () => {
      await watching
      await act(async () => {
        try {
          await work()
        } catch (error) {
          entry.sent.delete(part.toolCallId)
          throw error
        }
      })
      await watching
    })
    return answers
  }

  return Object.assign(chat, {
    watch,
    /** Goes on where a key was missing. */
    enter() {
      setLink('ok')
      if (!chat.isNew) void watch()
    },
    /** Sees whether somebody else has gone on with the conversation. */
    async look() {
      if (chat.isNew || chat.link === 'gone' || chat.link === 'denied') return
      try {
        const record = await server.session(chat.id)
        const isNew = markOf(record) !== markOf(chat.seen)
        if (watching !== undefined) {
          if (record.queued !== chat.seen?.queued) await load(record)
        } else if (isNew || chat.link !== 'ok') await watch()
      } catch (error) {
        // Whoever follows knows better how the connection is.
        if (watching === undefined && !signal.aborted) fail(error)
      }
    },
    /** All that is shown of a conversation that the server no longer has, with a line that says so. */
    forgotten: () => [...kept, ...chat.entries.map(asForgotten), forgottenNote()],
    send(parts, whenBusy) {
      const entry = { message: { id: newId(), role: 'user', parts } }
      chat.entries.push(entry)
      return deliver(entry, chat.busy ? whenBusy : undefined)
    },
    resend: (entry) => deliver(entry, entry.whenBusy),
    forget(entry) {
      chat.entries = chat.entries.filter((other) => other !== entry)
      tell()
    },
    withdraw: (entry) => act(() => server.withdraw(chat.id, entry.letterId).finally(refresh)),
    stop() {
      chat.isStopping = true
      tell()
      return act(() => server.stop(chat.id))
    },
    /** Another answer in the place of this one. */
    redo: (entry) =>
      cutAnd(entry, {
        trigger: 'regenerate-message',
        messageId: entry.message.id,
        message: { id: entry.message.id, role: 'assistant', parts: [] },
      }),
    /** The user's message with other parts, and all that follows anew. */
    edit: (entry, parts) =>
      cutAnd(entry, {
        trigger: 'submit-message',
        messageId: entry.message.id,
        message: { id: entry.message.id, role: 'user', parts },
      }),
    /** What went wrong may have passed: the question once more. */
    retry(entry) {
      const before = chat.entries.slice(0, chat.entries.indexOf(entry))
      const question = before.findLast(({ message }) => message.role === 'user')
      if (question !== undefined) return chat.edit(question, question.message.parts)
    },
    answer: (entry, part, output) =>
      respond(entry, part, () => server.answer(chat.id, part.toolCallId, { output })),
    fail: (entry, part, errorText) =>
      respond(entry, part, () => server.answer(chat.id, part.toolCallId, { errorText })),
    decide: (entry, part, { approved, reason }) =>
      respond(entry, part, () =>
        server.decide(chat.id, part.approval.id, { approved, ...(reason !== '' && { reason }) }),
      ),
    /** Looks away. The server goes on. */
    close: () => leaving.abort(),
  })
}

/** The server does not have it, or no longer: a server without Redis forgets when it restarts. */
const isGone = ({ status }) => status === 404 || status === 410

/** Nobody waits for it, and nobody goes on with it. */
const asForgotten = (entry) => Object.assign(entry, { live: false, waiting: false })

/** A line of the page's own, between what the server has forgotten and what it begins. */
const forgottenNote = () => ({
  note: 'The server no longer has what is above, and the agent does not know it. It is kept on this page only.',
  message: { id: newId(), role: 'note', parts: [] },
})

/** What changes with everything that happens in a session. */
const markOf = ({ state, queued, updatedAt, turn, error } = {}) =>
  JSON.stringify([state, queued, updatedAt, turn?.logId, turn?.claim, error])
