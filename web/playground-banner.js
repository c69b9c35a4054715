/** One line above the message box about what stands between the page and the server, if anything does. */
import { button, element, icon } from './playground-dom.js'

export function openBanner(node, { renew, askKey, dismiss }) {
  let shown = ''

  const actions = {
    gone: () => button({ label: 'New chat', kind: 'plain' }, renew),
    denied: () => button({ label: 'Enter the key', kind: 'plain' }, askKey),
    problem: () => button({ label: 'Dismiss', iconName: 'cross', iconOnly: true }, dismiss),
  }

  return {
    show({ link, problem }) {
      const kind = link === 'ok' ? 'problem' : link
      const text = link === 'ok' ? problem : linkWords[link]
      if (`${kind} ${text}` === shown) return
      shown = `${kind} ${text}`
      node.hidden = text === ''
      node.dataset.kind = kind
      const mark = kind === 'lost' ? element('span', { class: 'spinner' }) : icon('hand')
      node.replaceChildren(mark, element('p', {}, text), actions[kind]?.() ?? '')
    },
  }
}

const linkWords = {
  lost: 'The server cannot be reached. Trying again…',
  gone: 'The server does not have this conversation (any more). Without Redis it forgets them when it restarts; others expire or are deleted. What you see is kept on this page; your next message begins a new conversation.',
  denied: 'This server asks for a key.',
}
