/** The drawer with the conversations of the user. It opens and deletes conversations. */
import { button, element } from './playground-dom.js'

/**
 * @param open receives the id of the conversation to show
 * @param onRemove receives the id of a deleted conversation
 */
export function openSessions({ dialog, server, current, open, onRemove }) {
  const list = dialog.querySelector('ol')
  const note = dialog.querySelector('.note')
  const more = dialog.querySelector('.more')
  let before

  async function load() {
    note.textContent = list.childNodes.length === 0 ? 'Loading…' : ''
    more.hidden = true
    try {
      const page = await server.sessions(before)
      if (before === undefined) list.replaceChildren()
      list.append(...page.sessions.map(itemOf))
      before = page.before
      more.hidden = before === undefined
      note.textContent = list.childNodes.length === 0 ? 'No conversations yet.' : ''
    } catch (error) {
      note.textContent = error.message
    }
  }

  function itemOf({ id, agent, title = `A conversation with ${agent}`, state, updatedAt, error }) {
    const opening = element(
      'a',
      {
        href: `#chat=${encodeURIComponent(id)}`,
        'aria-current': id === current() && 'page',
      },
      element('span', { class: 'title' }, title),
      element(
        'span',
        { class: 'about' },
        [agent, timeOf(updatedAt), stateWords[state] ?? (error && 'failed')]
          .filter(Boolean)
          .join(' · '),
      ),
    )
    opening.addEventListener('click', (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return
      event.preventDefault()
      dialog.close()
      open(id)
    })
    const item = element(
      'li',
      { 'data-state': state },
      opening,
      removal(id, title, () => item),
    )
    return item
  }

  /** A button that must be pressed twice, because a deletion cannot be undone. */
  function removal(id, title, item) {
    const node = button({ label: `Delete “${title}”`, iconName: 'trash', iconOnly: true }, act)
    async function act() {
      if (!node.classList.contains('sure')) {
        node.classList.add('sure')
        node.replaceChildren('Delete?')
        return
      }
      node.disabled = true
      try {
        await server.remove(id)
      } catch (error) {
        // A conversation that does not exist is already deleted.
        if (error.status !== 404) {
          node.disabled = false
          note.textContent = error.message
          return
        }
      }
      const next = item().nextElementSibling ?? item().previousElementSibling
      item().remove()
      ;(next?.querySelector('a') ?? dialog.querySelector('[data-close]')).focus()
      onRemove(id)
    }
    return node
  }

  more.addEventListener('click', load)
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close())
  // A click beside the drawer hits the backdrop, which belongs to the dialog.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close())

  return {
    show() {
      before = undefined
      list.replaceChildren()
      dialog.showModal()
      return load()
    },
  }
}

const stateWords = { running: 'is answering', waiting: 'waits for you' }

function timeOf(ms) {
  const date = new Date(ms)
  const isToday = date.toDateString() === new Date().toDateString()
  return date.toLocaleString(undefined, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium' })
}
