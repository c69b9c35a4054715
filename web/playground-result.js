/** The view of the result of a background task, which comes as a message to the conversation. */
import { element, icon } from './playground-dom.js'
import { renderMarkdown } from './playground-markdown.js'
import { taskLink } from './playground-tool.js'
import { userTextOf } from './playground-user.js'

export function resultView(entry) {
  const body = element('div', { class: 'prose' })
  const label = element('span', { class: 'state' })
  const brief = element('span', { class: 'brief' })
  const { agent, state, id } = entry.message.metadata.task
  const isGood = state === 'finished'
  const node = element(
    'li',
    { class: 'message result' },
    element('span', { class: 'unseen' }, 'Result of a task'),
    element(
      'details',
      { class: 'card tool', 'data-tone': isGood ? 'good' : state === 'failed' ? 'bad' : 'muted' },
      element(
        'summary',
        {},
        element('span', { class: 'mark' }, icon(isGood ? 'check' : 'cross')),
        element('code', { class: 'name' }, String(agent)),
        brief,
        label,
        icon('chevron'),
      ),
      element('div', { class: 'card-body' }, body, typeof id === 'string' ? taskLink(id) : null),
    ),
  )
  let shown

  function update() {
    // A stop holds the results that come later until the next message.
    label.textContent = entry.state === 'queued' ? 'waits for its turn' : `task ${state}`
    const text = userTextOf(entry.message)
    if (text === shown) return
    shown = text
    const { title, content } = partsOf(text)
    brief.textContent = title
    renderMarkdown(body, content)
  }

  update()
  return { node, update }
}

/** The task and the result in the text for the model. A text of another form is shown unchanged. */
function partsOf(text) {
  const [, head = '', title = '', content] =
    /^(The background task .*)\nIts task was: (.*)(?:\n\nIts (?:result|last text):\n([^]*))?$/.exec(
      text,
    ) ?? []
  if (title === '') return { title: '', content: text }
  return { title, content: content ?? head }
}
