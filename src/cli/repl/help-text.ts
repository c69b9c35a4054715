/** What `/help` shows, set for the width of the terminal. */
import { fitted } from '../render/fitted.ts'

const commands = [
  ['/help', 'what there is'],
  ['/model [provider/id]', 'the model that answers, or another one from now on'],
  ['/tools [a,b | own]', "the tools, or others from now on (own: the agent's)"],
  ['/cost', 'what was spent in this talk'],
  ['/clear', 'begins a new session'],
  ['/sessions [number]', 'earlier sessions, or one of them again'],
  ['/quit', 'ends the talk; the session is kept'],
] as const

const keys = [
  ['!command', 'runs it here; its output goes along with the next message'],
  ['@ and Tab', 'completes the name of a file'],
  ['Ctrl-R', 'finds an earlier entry'],
  ['Ctrl-G', 'opens the line in $EDITOR'],
  ['Ctrl-C', 'stops an answer; at the prompt it clears the line, and twice it quits'],
  ['Ctrl-Z', 'stops the program, as in any shell'],
  ['\\ at the end', 'goes on in the next line'],
  ['/etc/hosts …', 'a path begins a message'],
  ['//…', 'a message that begins with one slash'],
] as const

const nameColumns = 21
const widthMax = 100

/** @param columns of the terminal */
export function helpText(columns: number): string {
  const width = Math.min(columns - 1, widthMax)
  // Beside the names a narrow terminal has no room for sentences.
  const isBeside = width >= 60
  const row = ([name, text]: readonly [string, string]) =>
    isBeside
      ? fitted(text, width - nameColumns).map(
          (line, index) => (index === 0 ? name : '').padEnd(nameColumns) + line,
        )
      : [name, ...fitted(`  ${text}`, width, '  ')]
  return [...commands.flatMap(row), '', ...keys.flatMap(row)].join('\n')
}
