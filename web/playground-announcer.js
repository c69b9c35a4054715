/**
 * For those who listen: whole paragraphs as they are done, and what is going on. The words go to a
 * live region of their own, because one around the conversation would read every token.
 */
import { element } from './playground-dom.js'
import { isAsked } from './playground-forms.js'
import { problemOf, textOf } from './playground-message.js'
import { isTool, toolNameOf } from './playground-reading.js'

const linesMax = 8

export function openAnnouncer(region) {
  /** What was said of the entry that is listened to; of one that was there already, all was. */
  let spoken = { id: undefined, length: 0, state: '' }

  function say(text) {
    region.append(element('p', {}, text))
    while (region.childNodes.length > linesMax) region.firstChild.remove()
  }

  function listenTo({ message, live }) {
    if (spoken.id === message.id) return
    spoken = { id: message.id, length: live ? 0 : Infinity, state: '' }
  }

  function words({ message }, toTheEnd) {
    const text = textOf(message)
    const end = toTheEnd ? text.length : text.lastIndexOf('\n\n') + 1
    if (end <= spoken.length) return
    say(text.slice(spoken.length, end))
    spoken.length = end
  }

  return {
    say,
    /** While the answer is written. */
    follow(entry) {
      listenTo(entry)
      words(entry, false)
    },
    /** When something other than its words has changed. True where a new question is asked. */
    settle(entry) {
      listenTo(entry)
      if (!entry.live) words(entry, true)
      const asks = entry.message.parts.filter((part) => isTool(part) && isAsked(part, entry))
      const state = entry.live
        ? 'The agent is answering.'
        : [problemOf(entry), ...asks.map(askText)].join(' ').trim()
      if (state === spoken.state) return false
      spoken.state = state
      if (state !== '') say(state)
      return asks.length > 0
    },
  }
}

const askText = (part) =>
  part.state === 'approval-requested'
    ? `${toolNameOf(part)} needs your approval.`
    : `${toolNameOf(part)} waits for your answer.`
