/**
 * How much of a paragraph that still grows is settled: no emphasis, code or link is open there, so
 * nothing that comes later can change how it looks.
 */

import { isIdeograph } from './inline.ts'
import { mayOpen } from './own-markdown.ts'

/**
 * Where what is settled ends: before white space, or between two ideographs. The white space itself goes
 * with what follows, which says whether it is a hard break.
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
    // An address goes on to the next white space, whatever is in it.
    const isBetween = isIdeograph(character) && isIdeograph(text.charAt(at - 1))
    if (isBetween && open.length === 0 && !addressMark.test(text.slice(wordStart, at))) settled = at
    const next = step(text, at, open)
    if (next === undefined) return settled
    at = next
  }
  return settled
}

const addressMark = /:\/\/|www\.|@/i

/** Past the next piece of markup, or undefined where its end has not come yet. */
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
  // The run may go on with the next token.
  if (end === text.length) return undefined
  const run = text.slice(at, end)
  if (mark === '~' && run.length !== 2) return end
  // An emoji is two code units, and counts as punctuation here.
  const before = /.$/su.exec(text.slice(Math.max(0, at - 2), at))?.[0] ?? ''
  const after = /^./su.exec(text.slice(end, end + 2))?.[0] ?? ''
  const isWithinWord = /[\p{L}\p{N}]/u.test(before) && /[\p{L}\p{N}]/u.test(after)
  if (mark === '_' && isWithinWord) return end
  const opened = open.lastIndexOf(run)
  if (opened !== -1 && isFlanking(before, after)) open.splice(opened)
  else if (isFlanking(after, before) && mayOpen(before)) open.push(run)
  return end
}

/** CommonMark's rule for a run that closes; with the sides changed, for one that opens. */
function isFlanking(inner: string, outer: string): boolean {
  if (inner === '' || /\s/.test(inner)) return false
  return !/[\p{P}\p{S}]/u.test(inner) || outer === '' || /[\s\p{P}\p{S}]/u.test(outer)
}

function pastBracket(text: string, at: number, open: string[]): number | undefined {
  const opened = open.lastIndexOf('[')
  if (opened === -1) return at + 1
  if (at + 1 === text.length) return undefined
  open.splice(opened)
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
