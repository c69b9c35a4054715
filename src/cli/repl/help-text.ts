/** The text of `/help`, for the width of the terminal. */
import { breakLines } from '../render/line-breaks.ts'

const commands = [
  ['/help', 'lists the commands and keys'],
  ['/model [provider/id]', 'shows the model, or changes it'],
  ['/tools [a,b | own]', "shows the tools, or changes them (own: the agent's)"],
  ['/cost', 'shows the tokens and the cost of this talk'],
  ['/tasks [stop]', 'lists the sub-agents of this session, or stops all of them'],
  ['/clear', 'begins a new session'],
  ['/sessions [number]', 'lists earlier sessions, or opens one of them'],
  ['/quit', 'ends the talk; the session is stored'],
] as const

const keys = [
  ['!command', 'runs it here; the next message contains its output'],
  ['@ and Tab', 'completes the name of a file'],
  ['Ctrl-R', 'finds an earlier entry'],
  ['Ctrl-G', 'opens the line in $EDITOR'],
  ['Ctrl-C', 'stops an answer; at the prompt it clears the line; twice, it quits'],
  ['Ctrl-Z', 'stops the program, as in any shell'],
  ['\\ at the end', 'continues in the next line'],
  ['/etc/hosts …', 'a path begins a message'],
  ['//…', 'a message that begins with one slash'],
] as const

const nameColumns = 21
const widthMax = 100

/** @param columns of the terminal */
export function helpText(columns: number): string {
  const width = Math.min(columns - 1, widthMax)
  // On a narrow terminal the sentences do not fit next to the names.
  const isBeside = width >= 60
  const row = ([name, text]: readonly [string, string]) =>
    isBeside
      ? breakLines(text, width - nameColumns).map(
          (line, index) => (index === 0 ? name : '').padEnd(nameColumns) + line,
        )
      : [name, ...breakLines(`  ${text}`, width, '  ')]
  return [...commands.flatMap(row), '', ...keys.flatMap(row)].join('\n')
}
