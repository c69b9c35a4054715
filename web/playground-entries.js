/**
 * The entries of a conversation: the history, the running answer, the queue, and messages that are
 * not posted yet. An entry that is already shown stays the same object, so that its view and a form
 * in it stay too.
 */

/**
 * @param shown the current entries
 * @param state the `record` of the session, its `messages` and its `queue`
 */
export function entriesOf(shown, { record, messages, queue }) {
  const { state, messageId, error } = record
  const openId = state === 'idle' ? undefined : messageId
  const ids = new Set(messages.map(({ id }) => id))
  const stored = withRunning(messages, record).map((message) => {
    const isOpen = message.id === openId
    return Object.assign(entryOf(shown, message, isOpen), {
      state: undefined,
      live: isOpen && state === 'running',
      waiting: isOpen && state === 'waiting',
    })
  })
  const last = stored.at(-1)
  if (error !== undefined && last?.message.id === messageId)
    Object.assign(last, { end: 'error', error })
  const waiting = queue
    .filter(({ message }) => message?.role === 'user' && !ids.has(message.id))
    .map(({ id: letterId, message }) =>
      Object.assign(entryOf(shown, message), { state: 'queued', letterId }),
    )
  const known = new Set([...stored, ...waiting])
  const own = shown.filter(
    (entry) => (entry.state === 'sending' || entry.state === 'failed') && !known.has(entry),
  )
  return [...known, ...own]
}

/** Adds the running answer, or an answer that failed before its first part. */
function withRunning(messages, { state, messageId, error }) {
  if (messageId === undefined || messages.some(({ id }) => id === messageId)) return messages
  const failed = error !== undefined && messages.at(-1)?.role === 'user'
  return state !== 'idle' || failed ? [...messages, emptyAnswer(messageId)] : messages
}

function entryOf(shown, message, isOpen = false) {
  const known = shown.find((entry) => entry.message.id === message.id)
  if (known === undefined) return { message }
  // The message from the stream is newer than the stored one.
  if (!isOpen && !isSame(known.message, message)) known.message = message
  return known
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b)

export const emptyAnswer = (id) => ({ id, role: 'assistant', parts: [] })

const askingStates = new Set(['input-available', 'approval-requested'])

/** The ids of the calls of a message that the human must answer. */
export const openCallsOf = ({ parts }) =>
  new Set(parts.filter(({ state }) => askingStates.has(state)).map(({ toolCallId }) => toolCallId))
