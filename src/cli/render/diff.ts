/** Changes of files as lines: removed ones red, added ones green. */
import { plain } from './plain.ts'
import type { Paint } from './style.ts'

/** A unified diff without its file names, which stand above it. */
export function diffLines(diff: string, paint: Paint): string[] {
  return plain(diff)
    .replace(/\n$/, '')
    .split('\n')
    .filter((line) => !/^(?:---|\+\+\+|Index:|={5,})/.test(line))
    .map((line) => paintedLine(line, paint))
}

/** One passage in place of another. */
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
