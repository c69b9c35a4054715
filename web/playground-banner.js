/** The line above the message box that reports a problem of the connection or of a request. */
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
  gone: 'The server does not have this conversation (any more). It may be deleted or expired. A server that keeps its sessions in memory forgets them at a restart. This page still shows it. Your next message begins a new conversation.',
  denied: 'This server needs a key.',
}
