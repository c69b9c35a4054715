/** Changes of files as lines: removed lines in red, added lines in green. */
import { plain } from './plain.ts'
import type { Paint } from './style.ts'

/** The lines of a unified diff without its file names, which the caller shows above it. */
export function diffLines(diff: string, paint: Paint): string[] {
  return plain(diff)
    .replace(/\n$/, '')
    .split('\n')
    .filter((line) => !/^(?:---|\+\+\+|Index:|={5,})/.test(line))
    .map((line) => paintedLine(line, paint))
}

/** The lines of a text that is replaced by another one. */
export function replacementLines(before: string, after: string, paint: Paint): string[] {
  const lines = (text: string, mark: string) =>
    text === ''
      ? []
      : plain(text)
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => mark + line)
  return [...lines(before, '-'), ...lines(after, '+')].map((line) => paintedLine(line, paint))
}

function paintedLine(line: string, paint: Paint): string {
  if (line.startsWith('+')) return paint('green', line)
  if (line.startsWith('-')) return paint('red', line)
  return line.startsWith('@@') ? paint('cyan', line) : line
}
