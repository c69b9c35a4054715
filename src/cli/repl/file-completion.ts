/** Completes `@path` at the end of a line with the files of the folder that the agent works in. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** More names than these are no help. */
const namesMax = 50

/** For readline: the names, and the part of the line that they stand for. */
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
    // A folder that is not there has no names.
    return []
  }
}
