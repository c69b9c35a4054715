/**
 * What to ask an agent first, in words that the demo model understands too. Only of the agents that
 * come with Loom is it known what they can do.
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
  ['researcher', [bySum, byClock, byThought]],
  [
    'coder',
    [
      ['Use glob {"pattern": "*"}', 'What files there are'],
      ['Use grep {"pattern": "TODO"}', 'What is in them'],
      ['Use bash {"command": "ls -l"}', 'A command, once you allow it'],
      ['Use write_file {"path": "hello.txt", "content": "Hello"}', 'A file, once you allow it'],
    ],
  ],
])

/** @param send told the words of a suggestion that was taken */
export function openSuggestions({ list, send }) {
  let shown
  return {
    /** @param agent undefined where the server does not say whom there is */
    show(agent = 'assistant') {
      if (agent === shown) return
      shown = agent
      const offered = suggestions.get(agent) ?? []
      list.hidden = offered.length === 0
      list.replaceChildren(...offered.map(itemOf))
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
