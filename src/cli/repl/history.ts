/**
 * What was typed before, for the arrow keys: a line each, the newest last, for its owner's eyes only. An
 * entry of several lines is one line of JSON behind a character that nobody types.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Environment } from '../../ground/environment.ts'
import { makeFolder } from '../../ground/make-folder.ts'
import { stateFolder } from '../session-files.ts'

const linesMax = 1000
/** Longer ones are files that were pasted, not messages to send again. */
const entryCharsMax = 64 * 1024
const severalMark = '\u0001'

export class History {
  /** Undefined where the user has no home folder: the history lives as long as this talk. */
  readonly #path: string | undefined
  #lines: string[] = []

  constructor(environment: Environment) {
    const folder = stateFolder(environment)
    this.#path = folder && join(folder, 'history')
  }

  /** The newest first, as readline wants it. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** A history that cannot be read is none: it must not keep anybody from talking. */
  async load(): Promise<void> {
    if (this.#path === undefined) return
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const lines = text.split('\n').map(decoded).filter(Boolean)
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
      // Other talks add theirs.
      await appendFile(this.#path, `${encoded(line)}\n`, { mode: 0o600 })
    } catch {
      // As above: it lives as long as this talk.
    }
  }

  async #shorten(path: string): Promise<void> {
    const text = `${this.#lines.toReversed().map(encoded).join('\n')}\n`
    await writeFile(path, text, { mode: 0o600 }).catch(() => undefined)
  }
}

const encoded = (entry: string): string =>
  /[\n\r]/.test(entry) ? severalMark + JSON.stringify(entry) : entry

function decoded(line: string): string {
  if (!line.startsWith(severalMark)) return line
  try {
    const entry: unknown = JSON.parse(line.slice(severalMark.length))
    return typeof entry === 'string' ? entry : ''
  } catch {
    // A line that was cut off; as one that is empty it is left out.
    return ''
  }
}
