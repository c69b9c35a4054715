/**
 * Makes a unified diff of two versions of a file. It compares only the part between the first and the
 * last line that differ, and stops after a time limit: the diff is only for display, and a large file
 * must not block the event loop.
 */
import { structuredPatch } from 'diff'

import { cutToBytes } from '../../src/ground/cut-text.ts'
import { shortLines } from './short-lines.ts'

const contextLines = 3
const bytesMax = 50 * 1024
const timeoutMs = 500

export function unifiedDiff(path: string, before: string, after: string): string {
  const window = differingWindow(before, after)
  const patch = structuredPatch(path, path, window.before, window.after, undefined, undefined, {
    context: contextLines,
    timeout: timeoutMs,
  })
  if (patch === undefined) return `--- ${path}\n+++ ${path}\n[The diff is too large to be shown.]\n`
  const hunks = patch.hunks.map((hunk) => {
    const old = rangeText(hunk.oldStart + window.line, hunk.oldLines)
    const now = rangeText(hunk.newStart + window.line, hunk.newLines)
    return [`@@ -${old} +${now} @@`, ...shortLines(hunk.lines)].join('\n')
  })
  const text = `--- ${path}\n+++ ${path}\n${hunks.join('\n')}\n`
  const shown = cutToBytes(text, bytesMax)
  return shown === text
    ? text
    : `${shown}\n[The diff goes on; it is cut at ${bytesMax / 1024} KB.]\n`
}

/** Formats a range of a hunk. The format gives an empty range the number of the line before it. */
function rangeText(start: number, lines: number): string {
  if (lines === 1) return `${start}`
  return lines === 0 ? `${start - 1},0` : `${start},${lines}`
}

interface Window {
  before: string
  after: string
  /** The number of lines before the window. */
  line: number
}

function differingWindow(before: string, after: string): Window {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before.charCodeAt(start) === after.charCodeAt(start)) start++
  let tail = 0
  while (
    tail < shorter - start &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  ) {
    tail++
  }
  const from = linesBack(before, start)
  const keep = linesAhead(before, before.length - tail)
  const line = before.slice(0, from).split('\n').length - 1
  return {
    before: before.slice(from, keep),
    after: after.slice(from, after.length - (before.length - keep)),
    line,
  }
}

/** Returns the index at which the context before an index begins. */
function linesBack(text: string, index: number): number {
  let at = index
  for (let count = 0; count <= contextLines + 1 && at > 0; count++) {
    at = at === 0 ? 0 : text.lastIndexOf('\n', at - 1)
    if (at === -1) return 0
  }
  return at === 0 ? 0 : at + 1
}

/** Returns the index at which the context after an index ends. */
function linesAhead(text: string, index: number): number {
  let at = index
  for (let count = 0; count <= contextLines + 1; count++) {
    const next = text.indexOf('\n', at)
    if (next === -1) return text.length
    at = next + 1
  }
  return at
}
