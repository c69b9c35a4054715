/**
 * What a conversation shows, made of what the server holds: the history, the answer that is under way,
 * what waits in line, and what could not be posted yet. An entry that is shown already stays the same
 * object, so that what is drawn of it, and a form in it, stays as well.
 */

/**
 * @param shown the entries so far
 * @param held the session's `record`, its `messages` and its `queue`
 */
export function entriesOf(shown, { record, messages, queue }) {
  const { state, turn, error } = record
  const openId = state === 'idle' ? undefined : turn?.logId
  const ids = new Set(messages.map(({ id }) => id))
  const told = withUnstored(messages, record).map((message) => {
    const isOpen = message.id === openId
    return Object.assign(entryOf(shown, message, isOpen), {
      state: undefined,
      live: isOpen && state === 'running',
      waiting: isOpen && state === 'waiting',
    })
  })
  const last = told.at(-1)
  if (error !== undefined && last?.message.id === turn?.logId)
    Object.assign(last, { end: 'error', error })
  const waiting = queue
    .filter(({ message }) => message?.role === 'user' && !ids.has(message.id))
    .map(({ id: letterId, message }) =>
      Object.assign(entryOf(shown, message), { state: 'queued', letterId }),
    )
  const known = new Set([...told, ...waiting])
  const own = shown.filter(
    (entry) => (entry.state === 'sending' || entry.state === 'failed') && !known.has(entry),
  )
  return [...known, ...own]
}

/** The answer that is under way, and the one that failed before its first word. */
function withUnstored(messages, { state, turn, error }) {
  if (turn === undefined || messages.some(({ id }) => id === turn.logId)) return messages
  const failed = error !== undefined && messages.at(-1)?.role === 'user'
  return state !== 'idle' || failed ? [...messages, emptyAnswer(turn.logId)] : messages
}

function entryOf(shown, message, isOpen = false) {
  const known = shown.find((entry) => entry.message.id === message.id)
  if (known === undefined) return { message }
  // What is being read is ahead of what is stored.
  if (!isOpen && !isSame(known.message, message)) known.message = message
  return known
}

const isSame = (a, b) => JSON.stringify(a) === JSON.stringify(b)

export const emptyAnswer = (id) => ({ id, role: 'assistant', parts: [] })

const askingStates = new Set(['input-available', 'approval-requested'])

/** The calls that a message asks the human about, by their ids. */
export const askedIn = ({ parts }) =>
  new Set(parts.filter(({ state }) => askingStates.has(state)).map(({ toolCallId }) => toolCallId))
