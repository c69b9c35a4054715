/**
 * What was typed before, for the arrow keys: a line each, the newest last, for its owner's eyes only. An
 * entry of several lines is one line of JSON behind a character that nobody types.
 */
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Environment } from '../../config.ts'
import { makeFolder } from '../../make-folder.ts'
import { stateDirectory } from '../session-files.ts'

const linesMax = 1000
/** Longer ones are files that were pasted, not messages to send again. */
const entryCharsMax = 64 * 1024
const severalMark = '\u0001'

export class History {
  readonly #path: string
  #lines: string[] = []

  constructor(environment: Environment) {
    this.#path = join(stateDirectory(environment), 'history')
  }

  /** The newest first, as readline wants it. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** A history that cannot be read is none: it must not keep anybody from talking. */
  async load(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    const lines = text.split('\n').map(decoded).filter(Boolean)
    this.#lines = [...new Set(lines.toReversed())].slice(0, linesMax)
    if (lines.length > 2 * linesMax) await this.#shorten()
  }

  async add(text: string): Promise<void> {
    const line = text.trimEnd()
    if (line.length > entryCharsMax || line === this.#lines[0]) return
    this.#lines = [line, ...this.#lines.filter((other) => other !== line)].slice(0, linesMax)
    try {
      await makeFolder(dirname(this.#path))
      // Other talks add theirs.
      await appendFile(this.#path, `${encoded(line)}\n`, { mode: 0o600 })
    } catch {
      // As above: it lives as long as this talk.
    }
  }

  async #shorten(): Promise<void> {
    const text = `${this.#lines.toReversed().map(encoded).join('\n')}\n`
    await writeFile(this.#path, text, { mode: 0o600 }).catch(() => undefined)
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
