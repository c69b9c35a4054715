/**
 * Shows invisible characters as their code points, so that a human sees everything before an
 * approval. A bidirectional override shows a command in another order, a zero-width character makes
 * two names look the same, and tag characters hide whole sentences.
 */

/**
 * Control characters except tab and line feed, format characters, line and paragraph separators,
 * unassigned and private code points, lone surrogates, unusual spaces, fillers and variation
 * selectors.
 */
const hidden =
  /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu

/** Emoji of several code points. A joiner or selector after a picture belongs to the emoji. */
const picture =
  /\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier}|\u200d(?=\p{Extended_Pictographic}))+|[0-9#*]\ufe0f\u20e3/gu

const codePoint = (character) =>
  `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`

/** Splits a text into visible pieces and the code points of invisible characters. */
export function piecesOf(text) {
  const kept = [...text.matchAll(picture)].map((match) => [
    match.index,
    match.index + match[0].length,
  ])
  const pieces = []
  let from = 0
  for (const match of text.matchAll(hidden)) {
    if (kept.some(([start, end]) => match.index >= start && match.index < end)) continue
    if (match.index > from) pieces.push({ text: text.slice(from, match.index) })
    pieces.push({ text: codePoint(match[0]), isCode: true })
    from = match.index + match[0].length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

/** Replaces invisible characters in all texts below a node. */
export function showInvisible(node) {
  for (const child of [...node.childNodes]) {
    if (child.nodeType === 1) showInvisible(child)
    else if (child.nodeType === 3) replace(child)
  }
}

function replace(node) {
  const pieces = piecesOf(node.data)
  if (!pieces.some(({ isCode }) => isCode)) return
  node.replaceWith(...pieces.map(({ text, isCode }) => (isCode ? mark(text) : text)))
}

function mark(text) {
  const node = document.createElement('span')
  node.setAttribute('class', 'invisible')
  node.setAttribute('title', 'An invisible character')
  node.append(text)
  return node
}
