/** Creates elements. Text always becomes a text node, so a string can never become markup. */

/** Creates an element with attributes and children. A child is a node or a string. */
export function element(name, attributes = {}, ...children) {
  const node = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value)
  }
  node.append(...children.filter((child) => child !== null && child !== undefined))
  return node
}

const svg = 'http://www.w3.org/2000/svg'

/** Creates an icon from the sprite of the page. */
export function icon(name) {
  const node = document.createElementNS(svg, 'svg')
  node.setAttribute('class', 'icon')
  node.setAttribute('aria-hidden', 'true')
  const use = document.createElementNS(svg, 'use')
  use.setAttribute('href', `#icon-${name}`)
  node.append(use)
  return node
}

export function button({ label, iconName, kind = 'quiet', iconOnly = false }, act) {
  const text = element('span', iconOnly ? { class: 'unseen' } : {}, label)
  const node = element('button', {
    type: 'button',
    class: kind,
    title: iconOnly ? label : undefined,
  })
  if (iconName !== undefined) node.append(icon(iconName))
  node.append(text)
  node.addEventListener('click', act)
  return node
}

/** A button that copies the result of `text` and shows whether this worked. */
export function copyButton(text, label = 'Copy') {
  const node = button({ label, iconName: 'copy', iconOnly: true }, async () => {
    const isCopied = await copy(text())
    const iconName = isCopied ? 'check' : 'cross'
    node.querySelector('use').setAttribute('href', `#icon-${iconName}`)
    node.querySelector('span').textContent = isCopied ? 'Copied' : 'Could not copy'
    setTimeout(() => {
      node.querySelector('use').setAttribute('href', '#icon-copy')
      node.querySelector('span').textContent = label
    }, 1_500)
  })
  return node
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    // Without https a page has no clipboard API. `execCommand` still works there.
    const field = element('textarea', { class: 'unseen' })
    field.value = text
    document.body.append(field)
    field.select()
    const isCopied = document.execCommand('copy')
    field.remove()
    return isCopied
  }
}

/**
 * Shows a value as a tree. A branch is created when it is opened, so that a large output costs
 * nothing before. With `open`, the whole value is shown, for a human who decides about it.
 */
export function jsonView(value, { open = false } = {}) {
  if (value === null || typeof value !== 'object')
    return element('div', { class: 'json' }, scalar(value))
  if (Object.keys(value).length === 0)
    return element('div', { class: 'json' }, element('code', {}, JSON.stringify(value)))
  return element('div', { class: 'json' }, entryList(value, open))
}

function scalar(value) {
  const kind = value === null ? 'null' : typeof value
  const text = kind === 'string' ? value : String(value)
  // A text with several lines begins below its name, so that the lines are aligned.
  const lines = text.includes('\n') ? ' lines' : ''
  return element('span', { class: `value ${kind}${lines}` }, text)
}

const isSmall = (value) => {
  const entries = Object.values(value)
  if (entries.length > 4 || entries.some((entry) => entry !== null && typeof entry === 'object'))
    return false
  return JSON.stringify(value).length <= 64
}

/** The largest number of entries that are shown without `open`. */
const entriesMax = 200

function branch(value, key, open) {
  const size = Array.isArray(value) ? `[${value.length}]` : `{${Object.keys(value).length}}`
  const head = element('summary', {}, ...keyNodes(key), element('span', { class: 'size' }, size))
  const node = element('details', { open }, head)
  const fill = () => node.children.length === 1 && node.append(entryList(value, open))
  if (open) fill()
  else node.addEventListener('toggle', () => node.open && fill())
  return node
}

function entryList(value, open) {
  const entries = Object.entries(value)
  const shown = open ? entries : entries.slice(0, entriesMax)
  const more = entries.length - shown.length
  return element(
    'ul',
    {},
    ...shown.map(([key, entry]) => entryNode(entry, key, open)),
    more > 0 ? element('li', { class: 'size' }, `… ${more} more`) : null,
  )
}

function entryNode(value, key, open) {
  if (value === null || typeof value !== 'object')
    return element('li', {}, ...keyNodes(key), scalar(value))
  if (isSmall(value))
    return element('li', {}, ...keyNodes(key), element('code', {}, JSON.stringify(value)))
  return element('li', {}, branch(value, key, open))
}

const keyNodes = (key) => [element('span', { class: 'key' }, key), ' ']
