/**
 * One conversation, without a page. The server stores it: the page shows the messages of the server
 * and posts only one message at a time. It reads a turn of any client from `GET …/stream`, and
 * loads the messages again when the turn has ended. The file is long because a post, a read turn and a
 * stop change one state: the messages that the page shows.
 */
import { emptyAnswer, entriesOf, openCallsOf } from './playground-entries.js'
import { applyChunk, closeReading, openReading } from './playground-reading.js'
import { followed, mayPass, pause } from './playground-stream.js'

/** A unique id. Unlike `crypto.randomUUID`, it works without https. */
export const newId = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')

/**
 * @param id the id of a conversation on the server; without it, the first message begins a new one
 * @param oldEntries entries of a conversation that the server no longer has; they are shown above
 * @param onChange called when the page must draw; receives the changed entry, or nothing if all
 * changed
 */
export function openChat({ server, id, agent, oldEntries = [], onChange = () => {}, pauseMs }) {
  const leaving = new AbortController()
  const { signal } = leaving
  const chat = {
    id: id ?? newId(),
    agent,
    isNew: id === undefined,
    /** Whether the conversation is loaded or new. */
    isLoaded: id === undefined,
    /** `{ message, live, waiting, end, error, state, … }`, in the order of the conversation. */
    entries: [],
    oldEntries,
    /** `ok`, `lost` (the page retries), `gone` (not on the server), `denied` (no key). */
    link: 'ok',
    /** The text of the last failed action. Empty if there is none. */
    problem: '',
    isStopping: false,
    /** The last session record of the server. */
    record: undefined,
    get busy() {
      return chat.entries.some(({ live, state }) => live || state === 'sending')
    },
  }
  let watching
  let isStale = false
  let answers = Promise.resolve()

  const draw = (entry) => !signal.aborted && onChange(entry)

  function setLink(link) {
    if (chat.link === link) return
    chat.link = link
    draw()
  }

  // --- The state of the server ---

  async function load(current) {
    const record = current ?? (await server.session(chat.id))
    const [messages, queue] = await Promise.all([
      server.messages(chat.id),
      record.queued > 0 ? server.queue(chat.id) : [],
    ])
    signal.throwIfAborted()
    chat.entries = entriesOf(chat.entries, { record, messages, queue })
    if (record.state !== 'running') chat.isStopping = false
    Object.assign(chat, { record, isLoaded: true, isNew: false, link: 'ok' })
    // The server knows the agent of a task, which may not be in its list.
    if (record.parentId === undefined) chat.agent ??= record.agent
    draw()
    return record
  }

  // --- Reading the stream ---

  /** Loads the conversation, follows the running turn and loads again, until no turn runs. */
  function watch() {
    isStale = true
    watching ??= watchUntilIdle().finally(() => {
      watching = undefined
      draw()
    })
    return watching
  }

  async function watchUntilIdle() {
    for (let failures = 0; isStale && !signal.aborted;) {
      try {
        isStale = false
        const record = await load()
        const entry = chat.entries.find(({ live, waiting }) => live || waiting)
        if (entry === undefined || isRead(entry, record)) continue
        const events = await follow(entry)
        // The stream of an answer that waits has ended, so nothing of it is missing.
        entry.readAt = record.state === 'waiting' ? record.updatedAt : undefined
        // The turn has ended but is not stored yet.
        if (events === 0 && record.state === 'running') await pause(0, { signal, pauseMs })
        isStale ||= events > 0 || record.state === 'running'
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        fail(error)
        if (!mayPass(error)) return
        isStale = true
        await pause(failures++, { signal, pauseMs }).catch(() => {})
      }
    }
  }

  /** Whether the entry has the whole answer that waits. Each answer to it changes `updatedAt`. */
  const isRead = (entry, { state, updatedAt }) =>
    state === 'waiting' && entry.cursor !== undefined && entry.readAt === updatedAt

  /** Updates the entry until its stream ends. Returns the number of events. */
  async function follow(entry) {
    // A read from the start builds a new message. The old one is shown until then.
    entry.reading ??= openReading(emptyAnswer(entry.message.id))
    const { reading } = entry
    entry.inputs = reading.inputs
    const events = followed({
      open: (after) => server.stream(chat.id, after, signal),
      after: entry.cursor,
      signal,
      pauseMs,
      onLink: (isConnected) => setLink(isConnected ? 'ok' : 'lost'),
    })
    for (let count = 0; ; count++) {
      const { done, value } = await events.next()
      if (done) return settle(entry, value, count)
      const { id: cursor, chunk } = value
      // A new turn has begun since the session was read. Its question is not loaded yet.
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
      draw(entry)
    }
  }

  function settle(entry, result, count) {
    const { reading } = entry
    // The log no longer contains the cursor. The message is in the history, or in the stream from
    // its start.
    if (result === 'gone') Object.assign(entry, { reading: undefined, cursor: undefined })
    if (result !== 'done') return result === 'gone' ? 1 : count
    closeReading(reading)
    entry.openCalls = openCallsOf(reading.message)
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
    draw()
  }

  // --- Actions ---

  /** Runs the action of a button and shows its result. */
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
      draw()
    }
    // The action may have begun a turn. A refused action shows that this page is out of date.
    if (!chat.isNew) void watch()
  }

  /** @returns `gone` if the server no longer has the conversation; then nothing was posted */
  async function deliver(entry, whenBusy) {
    chat.problem = ''
    Object.assign(entry, { state: 'sending', error: undefined, whenBusy })
    draw()
    // A post would begin a new conversation without the messages that the page shows.
    if (await isForgotten()) return leaveOut(entry)
    const { id, agent } = chat
    try {
      const { message } = entry
      const trigger = 'submit-message'
      // A server that restarts at this moment must refuse the message too.
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

  /** Loads the queue, which may change while the page reads a turn. */
  async function refresh() {
    if (watching === undefined || chat.isNew) return draw()
    await load().catch(() => {})
  }

  const replaceFrom = (entry, body) =>
    act(() => server.post({ id: chat.id, agent: chat.agent, ...body }, newId()))

  function leaveOut(entry) {
    chat.entries = chat.entries.filter((other) => other !== entry)
    for (const other of chat.entries) asForgotten(other)
    setLink('gone')
    return 'gone'
  }

  /**
   * Asks for the session itself, because a 404 of an action may concern only its message or call.
   */
  const isForgotten = () =>
    chat.isNew
      ? false
      : server.session(chat.id).then(
          () => false,
          (error) => isGone(error),
        )

  /**
   * Sends answers one after another: a session that continues after one answer refuses the next.
   */
  function respond(entry, part, work) {
    entry.sent = new Set(entry.sent).add(part.toolCallId)
    draw()
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
    /** Continues after the human has entered a key. */
    enter() {
      setLink('ok')
      if (!chat.isNew) void watch()
    },
    /** Checks whether another client has changed the conversation. */
    async look() {
      if (chat.isNew || chat.link === 'gone' || chat.link === 'denied') return
      try {
        const record = await server.session(chat.id)
        const isNew = markOf(record) !== markOf(chat.record)
        if (watching !== undefined) {
          if (record.queued !== chat.record?.queued) await load(record)
        } else if (isNew || chat.link !== 'ok') await watch()
      } catch (error) {
        // A running `watch` reports the state of the connection itself.
        if (watching === undefined && !signal.aborted) fail(error)
      }
    },
    /** Returns all entries of a conversation that the server no longer has, and a note about it. */
    forgotten: () => [...oldEntries, ...chat.entries.map(asForgotten), forgottenNote()],
    send(parts, whenBusy) {
      const entry = { message: { id: newId(), role: 'user', parts } }
      chat.entries.push(entry)
      return deliver(entry, chat.busy ? whenBusy : undefined)
    },
    resend: (entry) => deliver(entry, entry.whenBusy),
    forget(entry) {
      chat.entries = chat.entries.filter((other) => other !== entry)
      draw()
    },
    withdraw: (entry) => act(() => server.withdraw(chat.id, entry.letterId).finally(refresh)),
    stop() {
      chat.isStopping = true
      draw()
      return act(() => server.stop(chat.id))
    },
    /** Replaces this answer by a new one. */
    redo: (entry) =>
      replaceFrom(entry, {
        trigger: 'regenerate-message',
        messageId: entry.message.id,
        message: { id: entry.message.id, role: 'assistant', parts: [] },
      }),
    /** Replaces the parts of a user's message. A new answer replaces all messages after it. */
    edit: (entry, parts) =>
      replaceFrom(entry, {
        trigger: 'submit-message',
        messageId: entry.message.id,
        message: { id: entry.message.id, role: 'user', parts },
      }),
    /** Asks the question of a failed answer again, because the failure may be temporary. */
    retry(entry) {
      const before = chat.entries.slice(0, chat.entries.indexOf(entry))
      const question = before.findLast(({ message }) => message.role === 'user')
      // The result of a background task is no message that a human can edit.
      if (question?.message.metadata?.task !== undefined) return chat.redo(entry)
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
    /** Stops reading. The turn continues on the server. */
    close: () => leaving.abort(),
  })
}

/**
 * Whether the server does not have the conversation. A restart of a server with sessions in memory deletes
 * it.
 */
const isGone = ({ status }) => status === 404 || status === 410

/** An entry that no client can answer or continue. */
const asForgotten = (entry) => Object.assign(entry, { live: false, waiting: false })

/** A note between the old entries and the new conversation. */
const forgottenNote = () => ({
  note: 'The server no longer has the messages above, and the agent cannot read them. Only this page shows them.',
  message: { id: newId(), role: 'note', parts: [] },
})

/** A text that changes with every change of a session. */
const markOf = ({ state, queued, updatedAt, messageId, startedAt, error } = {}) =>
  JSON.stringify([state, queued, updatedAt, messageId, startedAt, error])
