/**
 * Makes characters visible that a reader does not see, so that nobody allows what they cannot read: a
 * bidirectional override shows a command in another order, a zero-width character makes two names look
 * the same, and tag characters hide whole sentences. Each is shown as its code point.
 */

/**
 * Controls but tab and line feed, formats, line and paragraph separators, code points of nobody, halves
 * of pairs, spaces that are none of the keyboard's, fillers, and variation selectors.
 */
const hidden =
  /(?![\t\n])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u00a0\u034f\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200a\u202f\u205f\u2800\u3000\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu

/** Emoji are made of several code points: a joiner or a selector behind a picture belongs to it. */
const picture =
  /\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier}|\u200d(?=\p{Extended_Pictographic}))+|[0-9#*]\ufe0f\u20e3/gu

const codePoint = (character) =>
  `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`

/** A text as pieces: what is shown as it is, and code points in the place of what is not seen. */
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

/** Replaces what is not seen in all the texts below a node. */
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
  node.setAttribute('title', 'A character that is not seen')
  node.append(text)
  return node
}
