/**
 * The content of a paragraph as a list of words. Each word contains its own styles, so a line may
 * end after any word.
 */
import type { Token } from 'marked'

import { inlineTokens } from './own-markdown.ts'
import { type Format, noPaint, type Paint } from './style.ts'
import { widthOf } from './width.ts'

export interface Word {
  /** The text with its styles. */
  text: string
  width: number
  /** Whether the source has a line break before it. */
  isAfterBreak: boolean
  /** Whether no space is before it. A line may still end there. */
  isGlued: boolean
}

/**
 * Chinese and Japanese have no spaces between words, so a line may end before each of these
 * characters.
 */
export const isIdeograph = (character: string): boolean =>
  /^[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/.test(character)

interface Run {
  text: string
  formats: readonly Format[]
}

/** @param source Markdown of one paragraph, without control characters */
export function wordsOf(source: string, paint: Paint): Word[] {
  return wordsIn(runsOf(inlineTokens(source), []), paint)
}

/** The words of tokens that marked has already parsed. */
export const wordsOfTokens = (tokens: readonly Token[], paint: Paint): Word[] =>
  wordsIn(runsOf(tokens, []), paint)

/** The words of plain text, without styles. */
export const wordsOfText = (text: string): Word[] => wordsIn([{ text, formats: [] }], noPaint)

const breakMark = '\n'

function runsOf(tokens: readonly Token[], formats: readonly Format[]): Run[] {
  return tokens.flatMap((token): Run[] => {
    switch (token.type) {
      case 'strong':
        return runsOf(token.tokens ?? [], [...formats, 'bold'])
      case 'em':
        // The marks are text and not emphasis.
        if (token.tokens?.length === 0) return [{ text: token.raw, formats }]
        return runsOf(token.tokens ?? [], [...formats, 'italic'])
      case 'del':
        return runsOf(token.tokens ?? [], [...formats, 'strikethrough'])
      case 'codespan':
        return [{ text: String(token['text']), formats: [...formats, 'cyan'] }]
      case 'br':
        return [{ text: breakMark, formats: [] }]
      case 'link':
        return linkRuns(token, formats)
      case 'image':
        return [
          { text: `[${String(token['text']) || 'image'}]`, formats: [...formats, 'italic'] },
          { text: ` (${String(token['href'])})`, formats: ['dim'] },
        ]
      case 'escape':
        return [{ text: String(token['text']), formats }]
      default:
        return 'tokens' in token && token.tokens !== undefined
          ? runsOf(token.tokens, formats)
          : [{ text: withEntities(token.raw).replaceAll('\n', ' '), formats }]
    }
  })
}

/** A link always shows its address, because the text of a malicious link can name another one. */
function linkRuns(token: Token, formats: readonly Format[]): Run[] {
  const href = 'href' in token ? String(token['href']) : ''
  const inner = 'tokens' in token ? runsOf(token.tokens ?? [], [...formats, 'underline']) : []
  const text = inner.map(({ text }) => text).join('')
  if (text === href || `mailto:${text}` === href) return inner
  return [...inner, { text: ` (${href})`, formats: ['dim'] }]
}

/**
 * The entities that are replaced. Numeric entities are not, because they could name a control
 * character.
 */
const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#39;': "'",
  '&nbsp;': '\u00a0',
}

const withEntities = (text: string) =>
  text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => entities[entity] ?? entity)

/** Splits before each ideograph. Other characters stay with the ideograph before them. */
const ideographs = /(?=[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])/

function wordsIn(runs: readonly Run[], paint: Paint): Word[] {
  const words: Word[] = []
  let open: { text: string; width: number } | undefined
  let isAfterBreak = false
  let isGlued = false
  const close = () => {
    if (open === undefined) return
    words.push({ ...open, isAfterBreak, isGlued })
    isAfterBreak = false
    isGlued = false
    open = undefined
  }
  for (const { text, formats } of runs) {
    for (const piece of text.split(/([ \n]+)/)) {
      if (piece === '') continue
      if (/^[ \n]+$/.test(piece)) {
        close()
        if (piece.includes(breakMark)) isAfterBreak = true
        continue
      }
      for (const part of piece.split(ideographs)) {
        if (open !== undefined && isIdeograph(part)) {
          close()
          isGlued = true
        }
        open ??= { text: '', width: 0 }
        open.text += paint(formats, part)
        open.width += widthOf(part)
      }
    }
  }
  close()
  return words
}
