/**
 * The history of the prompt, for the arrow keys. The file contains one entry on each line, newest
 * last, and only its owner may read it. An entry with several lines is one line of JSON after a
 * control character that marks it.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Environment } from '../../ground/environment.ts'
import { makeFolder } from '../../ground/make-folder.ts'
import { stateFolder } from '../session-files.ts'

const linesMax = 1000
/** Longer entries are mostly pasted files, which a user does not send again. They are not stored. */
const entryCharsMax = 64 * 1024
const severalMark = '\u0001'

export class History {
  /** Undefined if the user has no home folder. Then the history exists only in this process. */
  readonly #path: string | undefined
  #lines: string[] = []

  constructor(environment: Environment) {
    const folder = stateFolder(environment)
    this.#path = folder && join(folder, 'history')
  }

  /** The entries, newest first, in the order of readline. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /**
   * Reads the file. A file that cannot be read is ignored, because it must not prevent a
   * conversation.
   */
  async load(): Promise<void> {
    if (this.#path === undefined) return
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const lines = text.split('\n').map(decode).filter(Boolean)
    this.#lines = [...new Set(lines.toReversed())].slice(0, linesMax)
    if (lines.length > 2 * linesMax) await this.#shorten(this.#path)
  }

  async add(text: string): Promise<void> {
    const line = text.trimEnd()
    if (line.length > entryCharsMax || line === this.#lines[0]) return
    this.#lines = [line, ...this.#lines.filter((other) => other !== line)].slice(0, linesMax)
    if (this.#path === undefined) return
    try {
      await makeFolder(dirname(this.#path))
      // An append keeps the entries of other processes.
      await appendFile(this.#path, `${encode(line)}\n`, { mode: 0o600 })
    } catch {
      // A file that cannot be written is ignored too. The entry exists only in this process.
    }
  }

  async #shorten(path: string): Promise<void> {
    const text = `${this.#lines.toReversed().map(encode).join('\n')}\n`
    await writeFile(path, text, { mode: 0o600 }).catch(() => undefined)
  }
}

const encode = (entry: string): string =>
  /[\n\r]/.test(entry) ? severalMark + JSON.stringify(entry) : entry

function decode(line: string): string {
  if (!line.startsWith(severalMark)) return line
  try {
    const entry: unknown = JSON.parse(line.slice(severalMark.length))
    return typeof entry === 'string' ? entry : ''
  } catch {
    // An incomplete line counts as empty and is left out.
    return ''
  }
}
