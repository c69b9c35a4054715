/**
 * Converts Markdown of an untrusted source to DOM nodes. Every character becomes part of a text
 * node, no HTML is parsed, and only http(s) addresses become links. It supports the Markdown that
 * models write: headings, lists, tables, quotations, code, emphasis and links.
 */
import { element, copyButton } from './playground-dom.js'

/** The largest depth of nested lists and quotations. Deeper ones are shown as text. */
const nestingMax = 12

/**
 * Shows the text in the node. Blocks that have not changed stay, so that a growing answer costs
 * only its last block, and a selection in the other blocks survives.
 */
export function renderMarkdown(node, text) {
  const blocks = blocksOf(text.split(/\r?\n/))
  const shown = node.blocks ?? []
  let same = 0
  while (same < blocks.length && same < shown.length && shown[same] === sourceOf(blocks[same]))
    same += 1
  while (node.childNodes.length > same) node.lastChild.remove()
  node.append(...blocks.slice(same).map((block) => blockNode(block, 0)))
  node.blocks = blocks.map(sourceOf)
}

const sourceOf = (block) => `${block.kind}\n${block.lines.join('\n')}`

/** Splits lines into blocks: { kind, lines } with the lines of the source. */
function blocksOf(lines) {
  const blocks = []
  let at = 0
  while (at < lines.length) {
    if (/^\s*$/.test(lines[at])) {
      at += 1
      continue
    }
    const start = at
    const kind = kindOf(lines, at)
    at = endOf(kind, lines, at)
    blocks.push({ kind, lines: lines.slice(start, at) })
  }
  return blocks
}

const fence = /^\s{0,3}(`{3,}|~{3,})\s*([^`\s]*)/
const listItem = /^(\s*)([-*+]|\d{1,9}[.)])\s+/

function kindOf(lines, at) {
  const line = lines[at]
  if (fence.test(line)) return 'code'
  if (/^\s{0,3}#{1,6}\s/.test(line)) return 'heading'
  if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) return 'rule'
  if (/^\s{0,3}>/.test(line)) return 'quotation'
  if (listItem.test(line)) return 'list'
  if (
    line.includes('|') &&
    /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[at + 1] ?? '')
  ) {
    return 'table'
  }
  return 'paragraph'
}

function endOf(kind, lines, start) {
  let at = start + 1
  if (kind === 'code') {
    const mark = fence.exec(lines[start])[1]
    while (at < lines.length && !lines[at].trim().startsWith(mark)) at += 1
    return Math.min(at + 1, lines.length)
  }
  if (kind === 'heading' || kind === 'rule') return at
  const continues = continuations[kind]
  while (at < lines.length && continues(lines, at, start)) at += 1
  return at
}

const continuations = {
  quotation: (lines, at) => /^\s{0,3}>/.test(lines[at]),
  table: (lines, at) => lines[at].includes('|'),
  list: (lines, at, start) =>
    isItemOf(lines[start], lines[at]) ||
    /^\s+\S/.test(lines[at]) ||
    // A line of text continues the item before it. An empty line does so only if the list
    // continues.
    (lines[at] === ''
      ? isItemOf(lines[start], lines[at + 1] ?? '') || /^\s{2,}\S/.test(lines[at + 1] ?? '')
      : lines[at - 1] !== '' && kindOf(lines, at) === 'paragraph'),
  paragraph: (lines, at) => !/^\s*$/.test(lines[at]) && kindOf(lines, at) === 'paragraph',
}

/** Numbers and dots do not share a list, unless one is nested in the other. */
function isItemOf(first, line) {
  const [opening, item] = [listItem.exec(first), listItem.exec(line)]
  if (item === null) return false
  return item[1].length > opening[1].length || /\d/.test(item[2]) === /\d/.test(opening[2])
}

function blockNode({ kind, lines }, depth) {
  if (depth > nestingMax) return element('p', {}, lines.join('\n'))
  switch (kind) {
    case 'code':
      return codeNode(lines)
    case 'heading': {
      const [, marks, text] = /^\s*(#{1,6})\s+(.*?)\s*#*\s*$/.exec(lines[0])
      // The page itself has the only first-level heading.
      return element(`h${Math.min(marks.length + 1, 6)}`, {}, ...inlineNodes(text))
    }
    case 'rule':
      return element('hr')
    case 'quotation': {
      const inner = lines.map((line) => line.replace(/^\s{0,3}> ?/, ''))
      return element(
        'blockquote',
        {},
        ...blocksOf(inner).map((block) => blockNode(block, depth + 1)),
      )
    }
    case 'list':
      return listNode(lines, depth)
    case 'table':
      return tableNode(lines)
    default:
      return element('p', {}, ...inlineNodes(lines.join('\n')))
  }
}

function codeNode(lines) {
  const [, mark, language] = fence.exec(lines[0])
  const closed = lines.length > 1 && lines.at(-1).trim().startsWith(mark)
  const text = lines.slice(1, closed ? -1 : undefined).join('\n')
  const head = element('div', { class: 'code-head' }, element('span', {}, language || 'text'))
  head.append(copyButton(() => text, 'Copy code'))
  return element(
    'div',
    { class: 'code' },
    head,
    element('pre', { tabindex: '0' }, element('code', {}, text)),
  )
}

function listNode(lines, depth) {
  const indent = listItem.exec(lines[0])[1].length
  const ordered = /\d/.test(listItem.exec(lines[0])[2])
  const items = []
  for (const line of lines) {
    const match = listItem.exec(line)
    if (match !== null && (match[1].length <= indent || items.length === 0)) {
      items.push({ width: match[0].length, lines: [line.slice(match[0].length)] })
    } else {
      const item = items.at(-1)
      const space = /^\s*/.exec(line)[0].length
      item.lines.push(line.slice(Math.min(space, item.width)))
    }
  }
  const list = element(ordered ? 'ol' : 'ul', {})
  if (ordered) list.start = Number.parseInt(listItem.exec(lines[0])[2], 10)
  list.append(...items.map((item) => itemNode(item.lines, depth)))
  return list
}

function itemNode(lines, depth) {
  const item = element('li')
  for (const [index, block] of blocksOf(lines).entries()) {
    // The first paragraph of an item becomes plain text, without the margins of a paragraph.
    if (block.kind === 'paragraph' && index === 0)
      item.append(...inlineNodes(block.lines.join('\n')))
    else item.append(blockNode(block, depth + 1))
  }
  return item
}

function tableNode(lines) {
  const cells = (line) =>
    line
      .trim()
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim().replaceAll('\\|', '|'))
  const row = (line, kind) =>
    element('tr', {}, ...cells(line).map((cell) => element(kind, {}, ...inlineNodes(cell))))
  const [head, , ...body] = lines
  const table = element(
    'table',
    {},
    element('thead', {}, row(head, 'th')),
    element('tbody', {}, ...body.map((line) => row(line, 'td'))),
  )
  return element('div', { class: 'table', tabindex: '0' }, table)
}

/** Every repetition is bounded, so the time of a search is linear in the length of the text. */
const inlinePattern = new RegExp(
  [
    '(?<code>`{1,3})(?<codeText>[^`\\n]+)\\k<code>',
    '\\*\\*(?<strong>[^\\s*](?:[^\\n]{0,500}?[^\\s])??)\\*\\*',
    '__(?<strong2>[^\\s_](?:[^_\\n]{0,500}\\S)?)__(?!\\w)',
    // Not within words and numbers: models write 2*3*4 and snake_case.
    '(?<![\\w*])\\*(?<em>[^\\s*](?:[^*\\n]{0,500}[^\\s*])?)\\*(?!\\w)',
    '(?<!\\w)_(?<em2>[^\\s_](?:[^_\\n]{0,500}[^\\s_])?)_(?!\\w)',
    '~~(?<del>[^~\\n]{1,500})~~',
    '!?\\[(?<label>[^\\]\\n]{1,500})\\]\\((?<href>[^\\s()]{1,2000}(?:\\([^\\s()]*\\))?)(?: "[^"\\n]*")?\\)',
    '(?<url>\\bhttps?:\\/\\/[^\\s<>"\'`]{1,2000})',
    '\\\\(?<escaped>[\\\\`*_{}[\\]()#+\\-.!|~>])',
    '(?<br> {2,}\\n|\\n)',
  ].join('|'),
  'gu',
)

function inlineNodes(text, depth = 0) {
  const nodes = []
  let at = 0
  if (depth > nestingMax) return [text]
  for (const match of text.matchAll(inlinePattern)) {
    if (match.index > at) nodes.push(text.slice(at, match.index))
    nodes.push(...inlineNode(match[0], match.groups, depth + 1))
    at = match.index + match[0].length
  }
  if (at < text.length) nodes.push(text.slice(at))
  return nodes
}

function inlineNode(source, groups, depth) {
  if (groups.codeText !== undefined) return [element('code', {}, groups.codeText)]
  const strong = groups.strong ?? groups.strong2
  if (strong !== undefined) return [element('strong', {}, ...inlineNodes(strong, depth))]
  const em = groups.em ?? groups.em2
  if (em !== undefined) return [element('em', {}, ...inlineNodes(em, depth))]
  if (groups.del !== undefined) return [element('del', {}, ...inlineNodes(groups.del, depth))]
  if (groups.href !== undefined)
    return linkNodes(groups.href, inlineNodes(groups.label, depth), source)
  if (groups.url !== undefined) return bareLink(groups.url)
  if (groups.escaped !== undefined) return [groups.escaped]
  return [element('br')]
}

/** Punctuation at the end belongs to the sentence and not to the address. */
function bareLink(text) {
  const url = text.replace(/[.,;:!?)\]*_]+$/, '')
  return [...linkNodes(url, [url], url), text.slice(url.length)].filter((node) => node !== '')
}

function linkNodes(href, label, source) {
  const url = URL.canParse(href) ? new URL(href) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return [source]
  return [
    element(
      'a',
      { href: url.href, target: '_blank', rel: 'noopener noreferrer nofollow' },
      ...label,
    ),
  ]
}
