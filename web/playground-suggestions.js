/**
 * Suggestions for the first message, in words that the demo model understands too. Only the agents
 * of Loom have suggestions, because the abilities of other agents are not known.
 */
import { element } from './playground-dom.js'

const bySum = ['What is 123 times 456?', 'A tool call']
const byClock = ['What time is it in Tokyo and in New York?', 'Two calls at once']
const byThought = ['Think about it: what is 2 + 2, squared?', 'Thoughts before words']

const suggestions = new Map([
  [
    'assistant',
    [bySum, byClock, ['Ask the researcher what 12 * 12 is', 'A sub-agent at work'], byThought],
  ],
  [
    'planner',
    [
      ['Research 12 * 12, 34 * 56 and the time in Tokyo', 'Three researchers at once'],
      ['Research red, green and blue', 'A tree of tasks, live'],
    ],
  ],
  ['researcher', [bySum, byClock, byThought]],
  [
    'coder',
    [
      ['Use glob {"pattern": "*"}', 'List files'],
      ['Use grep {"pattern": "TODO"}', 'Search in files'],
      ['Use bash {"command": "ls -l"}', 'A command, after your approval'],
      ['Use write_file {"path": "hello.txt", "content": "Hello"}', 'A file, after your approval'],
    ],
  ],
])

/** @param send receives the text of the chosen suggestion */
export function openSuggestions({ list, send }) {
  let shown
  return {
    /** @param agent undefined if the list of agents is not known */
    show(agent = 'assistant') {
      if (agent === shown) return
      shown = agent
      const items = suggestions.get(agent) ?? []
      list.hidden = items.length === 0
      list.replaceChildren(...items.map(itemOf))
    },
  }

  function itemOf([text, about]) {
    const node = element(
      'button',
      { type: 'button' },
      element('span', { class: 'about' }, about),
      element('span', {}, text),
    )
    node.addEventListener('click', () => send(text))
    return element('li', {}, node)
  }
}
