/**
 * Announces the conversation to screen readers: complete paragraphs, and changes of the state. The
 * texts go to a separate live region. A live region around the conversation would read every token.
 */
import { element } from './playground-dom.js'
import { needsAnswer } from './playground-forms.js'
import { problemOf, textOf } from './playground-message.js'
import { isTool, toolNameOf } from './playground-reading.js'

const linesMax = 8

export function openAnnouncer(region) {
  /** The announced part of the current entry. An entry that was loaded counts as announced. */
  let announced = { id: undefined, length: 0, state: '' }

  function say(text) {
    region.append(element('p', {}, text))
    while (region.childNodes.length > linesMax) region.firstChild.remove()
  }

  function listenTo({ message, live }) {
    if (announced.id === message.id) return
    announced = { id: message.id, length: live ? 0 : Infinity, state: '' }
  }

  function sayText({ message }, isComplete) {
    const text = textOf(message)
    const end = isComplete ? text.length : text.lastIndexOf('\n\n') + 1
    if (end <= announced.length) return
    say(text.slice(announced.length, end))
    announced.length = end
  }

  return {
    say,
    /** Announces new paragraphs of a running answer. */
    follow(entry) {
      listenTo(entry)
      sayText(entry, false)
    },
    /** Announces a change of the state. Returns true if the agent asks a new question. */
    settle(entry) {
      listenTo(entry)
      if (!entry.live) sayText(entry, true)
      const asks = entry.message.parts.filter((part) => isTool(part) && needsAnswer(part, entry))
      const state = entry.live
        ? 'The agent is answering.'
        : [problemOf(entry), ...asks.map(askText)].join(' ').trim()
      if (state === announced.state) return false
      announced.state = state
      if (state !== '') say(state)
      return asks.length > 0
    },
  }
}

const askText = (part) =>
  part.state === 'approval-requested'
    ? `${toolNameOf(part)} needs your approval.`
    : `${toolNameOf(part)} waits for your answer.`
