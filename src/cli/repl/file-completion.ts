/** Completes `@path` at the end of a line with the files in the folder of the agent. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The largest number of names. More would not help the user. */
const namesMax = 50

/**
 * Returns a completer for readline. It returns the names and the part of the line that they
 * replace.
 */
export function fileCompleter(directory: string): (line: string) => [string[], string] {
  return (line) => {
    const [, before, typed = ''] = /(^|\s)@(\S*)$/.exec(line) ?? []
    if (before === undefined) return [[], line]
    const slash = typed.lastIndexOf('/') + 1
    const [folder, part] = [typed.slice(0, slash), typed.slice(slash)]
    return [namesIn(join(directory, folder), part).map((name) => `@${folder}${name}`), `@${typed}`]
  }
}

function namesIn(folder: string, part: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter(
        ({ name }) => name.startsWith(part) && (part.startsWith('.') || !name.startsWith('.')),
      )
      .slice(0, namesMax)
      .map((entry) => entry.name + (entry.isDirectory() ? '/' : ''))
      .toSorted()
  } catch {
    // A folder that does not exist has no names.
    return []
  }
}
