/**
 * The views of the parts of a message. A view has a `node` and an `update`. An update changes only
 * the parts that differ, because a form that the human fills in must survive a running stream.
 */
import { element, icon, jsonView } from './playground-dom.js'
import { renderMarkdown } from './playground-markdown.js'
import { isTool } from './playground-reading.js'
import { toolView } from './playground-tool.js'

/** Returns the view of a part. `actions` are the actions of its buttons. */
export function partView(part, actions) {
  if (part.type === 'text') return textView()
  if (part.type === 'reasoning') return reasoningView()
  if (isTool(part)) return toolView(part, actions)
  if (part.type === 'file') return still(fileNode(part))
  if (part.type === 'source-url') return still(sourceNode(part))
  if (part.type.startsWith('data-')) return dataView(part)
  return still(element('span', { hidden: true }))
}

/** The key of a view. A part with another key at the same index gets a new view. */
export const viewKey = (part) => `${part.type} ${part.toolCallId ?? ''}`

const still = (node) => ({ node, update() {} })

function textView() {
  const node = element('div', { class: 'prose' })
  let shown = null
  return {
    node,
    update({ text }) {
      if (text === shown) return
      shown = text
      renderMarkdown(node, text)
    },
  }
}

function reasoningView() {
  const body = element('div', { class: 'prose' })
  const label = element('span', {}, 'Thinking')
  const node = element(
    'details',
    { class: 'reasoning' },
    element('summary', {}, icon('chevron'), label),
    body,
  )
  let shown = null
  let isToggledByHuman = false
  node.firstChild.addEventListener('click', () => (isToggledByHuman = true))
  return {
    node,
    update({ text, state }, { live }) {
      const thinking = live && state === 'streaming'
      label.textContent = thinking ? 'Thinking…' : 'Thoughts'
      node.classList.toggle('shimmer', thinking)
      // Open while the model thinks and closed afterwards, unless the human has toggled it.
      if (!isToggledByHuman) node.open = thinking
      if (text === shown) return
      shown = text
      renderMarkdown(body, text)
    },
  }
}

function dataView(part) {
  const body = element('div')
  const node = element(
    'details',
    { class: 'card' },
    element('summary', {}, icon('chevron'), element('code', {}, part.type.slice('data-'.length))),
    element('div', { class: 'card-body' }, body),
  )
  let shown
  return {
    node,
    update({ data }) {
      if (data === shown) return
      shown = data
      body.replaceChildren(jsonView(data))
    },
  }
}

/**
 * Shows a picture as a thumbnail and any other file by its name. Only addresses that cannot run
 * code are used.
 */
export function fileNode({ mediaType, url, filename }) {
  const name = filename ?? mediaType
  if (/^image\/(?!svg)/.test(mediaType) && /^(?:data:image\/|https?:|blob:)/.test(url)) {
    return element('img', { class: 'thumbnail', src: url, alt: name, loading: 'lazy' })
  }
  return element('span', { class: 'file' }, icon('file'), element('span', {}, name))
}

function sourceNode({ url, title }) {
  const safe = URL.canParse(url) && /^https?:/.test(url)
  const label = title ?? url
  return element(
    'p',
    { class: 'source' },
    'Source: ',
    safe
      ? element('a', { href: url, target: '_blank', rel: 'noopener noreferrer nofollow' }, label)
      : label,
  )
}
