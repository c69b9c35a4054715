/** The texts of both sides' tools in one form: the lines of the answer, and what is said beside them. */
import type { Answer, ToolName } from './case.ts'

export function answerOf(tool: ToolName, told: string | Error): Answer {
  if (tool === 'bash') return commandAnswer(told)
  if (told instanceof Error) return 'refused'
  switch (tool) {
    case 'read_file':
      return readAnswer(told)
    case 'grep':
    case 'glob':
      return searchAnswer(told)
    default:
      return 'done'
  }
}

function readAnswer(told: string): Answer {
  const next = /Use offset=(\d+) to/.exec(told)?.[1]
  const lines = linesOf(told).map((line) => line.replace(/^\d+: /, ''))
  return { lines, ...(next !== undefined && { next: Number(next) }) }
}

/** In any order of files: one lists by time, the other by name. */
function searchAnswer(told: string): Answer {
  const none = /^\[?No (?:matches|files)/.test(told)
  // What says that a line was cut.
  const lines = linesOf(told).map((line) => line.replace(/\.\.\. \[truncated\]$/, '…'))
  const hasMore = /\[.*(?:more than|limit)/.test(told)
  return { lines: none ? [] : lines.toSorted(), hasMore }
}

function commandAnswer(told: string | Error): Answer {
  const text = told instanceof Error ? told.message : told
  const code = /Command exited with code (\d+)/.exec(text)?.[1]
  const lines = linesOf(text.replace(/\s*Command exited with code \d+\s*$/, ''))
  return {
    lines: lines.filter((line) => line !== '(no output)'),
    ...(code !== undefined && { code: Number(code) }),
  }
}

/** Without notices in brackets at the end, and the empty lines before them. */
function linesOf(text: string): string[] {
  const lines = text.split('\n')
  while (/^(?:\[.*\])?$/.test(lines.at(-1) ?? 'end')) lines.pop()
  return lines
}
