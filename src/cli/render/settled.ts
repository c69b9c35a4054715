/**
 * Finds the settled part of a paragraph that still grows. In this part no emphasis, code or link is
 * open, so later text cannot change its appearance.
 */

import { isIdeograph } from './inline.ts'
import { mayOpen } from './own-markdown.ts'

/**
 * Returns the length of the settled part. It ends before white space or between two ideographs. The
 * white space belongs to the rest, because the text after it decides whether it is a hard break.
 */
export function settledLength(text: string): number {
  let settled = 0
  const open: string[] = []
  let wordStart = 0
  for (let at = 0; at < text.length;) {
    const character = text.charAt(at)
    if (/\s/.test(character)) {
      if (open.length === 0) settled = at
      while (/\s/.test(text.charAt(at))) at++
      wordStart = at
      continue
    }
    // An address ends only at white space.
    const isBetween = isIdeograph(character) && isIdeograph(text.charAt(at - 1))
    if (isBetween && open.length === 0 && !addressMark.test(text.slice(wordStart, at))) settled = at
    const next = step(text, at, open)
    if (next === undefined) return settled
    at = next
  }
  return settled
}

const addressMark = /:\/\/|www\.|@/i

/** Returns the index after the next piece of markup, or undefined if its end has not arrived. */
function step(text: string, at: number, open: string[]): number | undefined {
  const character = text.charAt(at)
  switch (character) {
    case '\\':
      return at + 2
    case '`':
      return pastCode(text, at)
    case '*':
    case '_':
    case '~':
      return pastEmphasis(text, at, open)
    case '[':
      open.push('[')
      return at + 1
    case ']':
      return pastBracket(text, at, open)
    case '<':
      return pastAngle(text, at)
    default:
      return at + 1
  }
}

function pastCode(text: string, at: number): number | undefined {
  const [ticks = ''] = /^`+/.exec(text.slice(at)) ?? []
  let close = text.indexOf(ticks, at + ticks.length)
  while (close !== -1 && text.charAt(close + ticks.length) === '`') {
    const [run = ''] = /^`+/.exec(text.slice(close)) ?? []
    close = text.indexOf(ticks, close + run.length)
  }
  return close === -1 ? undefined : close + ticks.length
}

function pastEmphasis(text: string, at: number, open: string[]): number | undefined {
  const mark = text.charAt(at)
  let end = at
  while (text.charAt(end) === mark) end++
  // The next delta may extend the run.
  if (end === text.length) return undefined
  const run = text.slice(at, end)
  if (mark === '~' && run.length !== 2) return end
  // An emoji is two code units, and counts as punctuation here.
  const before = /.$/su.exec(text.slice(Math.max(0, at - 2), at))?.[0] ?? ''
  const after = /^./su.exec(text.slice(end, end + 2))?.[0] ?? ''
  const isWithinWord = /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after)
  if (mark === '_' && isWithinWord) return end
  const openIndex = open.lastIndexOf(run)
  if (openIndex !== -1 && isFlanking(before, after)) open.splice(openIndex)
  else if (isFlanking(after, before) && mayOpen(before)) open.push(run)
  return end
}

/**
 * CommonMark's rule for a closing run. With the sides exchanged, it is the rule for an opening run.
 */
function isFlanking(inner: string, outer: string): boolean {
  if (inner === '' || /\s/.test(inner)) return false
  return !/[\p{P}\p{S}]/u.test(inner) || outer === '' || /[\s\p{P}\p{S}]/u.test(outer)
}

function pastBracket(text: string, at: number, open: string[]): number | undefined {
  const openIndex = open.lastIndexOf('[')
  if (openIndex === -1) return at + 1
  if (at + 1 === text.length) return undefined
  open.splice(openIndex)
  if (text.charAt(at + 1) !== '(') return at + 1
  const close = text.indexOf(')', at)
  return close === -1 ? undefined : close + 1
}

function pastAngle(text: string, at: number): number | undefined {
  if (at + 1 === text.length) return undefined
  if (!/[a-z/!]/i.test(text.charAt(at + 1))) return at + 1
  const close = text.indexOf('>', at)
  return close === -1 ? undefined : close + 1
}
