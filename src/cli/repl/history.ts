/** What was typed before, for the arrow keys: a line each, the newest last, for its owner's eyes only. */
import { appendFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import type { Environment } from '../../config.ts'
import { stateDirectory } from '../session-files.ts'

const linesMax = 1000
const lineCharsMax = 4000

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
    const lines = text.split('\n').filter(Boolean)
    this.#lines = [...new Set(lines.toReversed())].slice(0, linesMax)
    if (lines.length > 2 * linesMax) await this.#shorten()
  }

  async add(line: string): Promise<void> {
    // What was pasted in several lines is no line to edit.
    if (line.includes('\n') || line.length > lineCharsMax || line === this.#lines[0]) return
    this.#lines = [line, ...this.#lines.filter((other) => other !== line)].slice(0, linesMax)
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
      // Other talks add theirs.
      await appendFile(this.#path, `${line}\n`, { mode: 0o600 })
    } catch {
      // As above: it lives as long as this talk.
    }
  }

  async #shorten(): Promise<void> {
    const text = `${this.#lines.toReversed().join('\n')}\n`
    await writeFile(this.#path, text, { mode: 0o600 }).catch(() => undefined)
  }
}
