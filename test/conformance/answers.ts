/** The texts of both sides' tools in one form: the lines of the answer, and its notes. */
import type { Answer, ToolName } from './case.ts'

export function answerOf(tool: ToolName, outcome: string | Error): Answer {
  if (tool === 'bash') return commandAnswer(outcome)
  if (outcome instanceof Error) return 'refused'
  switch (tool) {
    case 'read_file':
      return readAnswer(outcome)
    case 'grep':
    case 'glob':
      return searchAnswer(outcome)
    default:
      return 'done'
  }
}

function readAnswer(outcome: string): Answer {
  const next = /Use offset=(\d+) to/.exec(outcome)?.[1]
  const lines = linesOf(outcome).map((line) => line.replace(/^\d+: /, ''))
  return { lines, ...(next !== undefined && { next: Number(next) }) }
}

/** Sorts the lines, because one side lists files by time and the other by name. */
function searchAnswer(outcome: string): Answer {
  const none = /^\[?No (?:matches|files)/.test(outcome)
  // Both sides mark a cut line in their own way.
  const lines = linesOf(outcome).map((line) => line.replace(/\.\.\. \[truncated\]$/, '…'))
  const hasMore = /\[.*(?:more than|limit)/.test(outcome)
  return { lines: none ? [] : lines.toSorted(), hasMore }
}

function commandAnswer(outcome: string | Error): Answer {
  const text = outcome instanceof Error ? outcome.message : outcome
  const code = /Command exited with code (\d+)/.exec(text)?.[1]
  const lines = linesOf(text.replace(/\s*Command exited with code \d+\s*$/, ''))
  return {
    lines: lines.filter((line) => line !== '(no output)'),
    ...(code !== undefined && { code: Number(code) }),
  }
}

/** Removes notices in brackets at the end, and the empty lines before them. */
function linesOf(text: string): string[] {
  const lines = text.split('\n')
  while (/^(?:\[.*\])?$/.test(lines.at(-1) ?? 'end')) lines.pop()
  return lines
}
