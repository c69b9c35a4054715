/** The view of a user's message: its text and files, its state, and a form that edits it. */
import { button, copyButton, element, icon } from './playground-dom.js'
import { fileNode } from './playground-parts.js'

export function userView(entry, actions) {
  const content = element('div', { class: 'said' })
  const copying = copyButton(() => userTextOf(entry.message), 'Copy the message')
  const editing = button({ label: 'Edit', iconName: 'edit', iconOnly: true }, () => edit())
  const foot = element('footer', {}, copying, editing)
  const status = element('div', { class: 'status' })
  const node = element(
    'li',
    { class: 'message user' },
    element('span', { class: 'unseen' }, 'You'),
    content,
    status,
    foot,
  )
  let shown
  let shownStatus

  function update() {
    const { message, state } = entry
    if (message !== shown) {
      shown = message
      content.replaceChildren(...contentNodes(message))
    }
    node.classList.toggle('unsent', state !== undefined)
    foot.hidden = state !== undefined || content.querySelector('form') !== null
    editing.hidden = entry.isFixed
    const newStatus = `${state} ${entry.error} ${entry.whenBusy}`
    if (newStatus === shownStatus) return
    shownStatus = newStatus
    status.replaceChildren(...statusNodes(entry, actions))
  }

  function edit() {
    content.replaceChildren(
      editForm(entry, (parts) => {
        shown = undefined
        update()
        if (parts !== undefined) actions.edit(entry, parts)
        else editing.focus()
      }),
    )
    foot.hidden = true
    content.querySelector('textarea').focus()
  }

  update()
  return { node, update }
}

/** Whether the human wrote a message. The result of a background task is a message of the user too. */
export const isWordsOfUser = ({ role, metadata }) => role === 'user' && metadata?.task === undefined

export const userTextOf = ({ parts }) =>
  parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

const filesOf = ({ parts }) => parts.filter(({ type }) => type === 'file')

function contentNodes(message) {
  const files = filesOf(message)
  const words = userTextOf(message)
  return [
    ...(files.length > 0 ? [element('div', { class: 'files' }, ...files.map(fileNode))] : []),
    ...(words === '' ? [] : [element('p', { class: 'bubble' }, words)]),
  ]
}

function statusNodes(entry, actions) {
  const plain = (label, act) => button({ label, kind: 'link' }, () => act(entry))
  switch (entry.state) {
    case 'queued':
      return [
        element('span', {}, queuedWords[entry.whenBusy] ?? queuedWords.queue),
        plain('Withdraw', actions.withdraw),
      ]
    case 'failed':
      return [
        icon('hand'),
        element('span', { role: 'alert' }, `Not sent: ${entry.error}`),
        plain('Try again', actions.resend),
        plain('Discard', actions.forget),
      ]
    default:
      return []
  }
}

const queuedWords = {
  queue: 'Waits for its turn',
  steer: 'Waits for the next step',
  interrupt: 'Starts next',
}

/** @param close receives the new parts, or nothing if the message stays unchanged */
function editForm({ message }, close) {
  const field = element('textarea', { 'aria-label': 'Edit the message', rows: '2' })
  field.value = userTextOf(message)
  const save = () => {
    const text = field.value.trim()
    const parts = [...filesOf(message), ...(text === '' ? [] : [{ type: 'text', text }])]
    if (parts.length === 0) field.focus()
    else close(parts)
  }
  const form = element(
    'form',
    { class: 'edit', 'aria-label': 'Edit the message' },
    field,
    element(
      'div',
      { class: 'row' },
      element('span', {}, 'A new answer replaces the messages below.'),
      button({ label: 'Cancel', kind: 'plain' }, () => close()),
      element('button', { class: 'primary' }, 'Send'),
    ),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    save()
  })
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation()
      close()
    } else if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
      if (event.target !== field) return
      event.preventDefault()
      save()
    }
  })
  return form
}
