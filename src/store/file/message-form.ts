/**
 * The form of the messages in new files. The compact form (`../record/message.ts`) begins some time after the first start
 * of a version that reads it. Until then, an operator can return to an earlier version.
 */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { UIMessage } from 'ai'

import { type CompactMessage, compactMessage } from '../record/message.ts'
import { codeOf } from './failure.ts'
import { compactFormat, format, sharedFormat } from './stored.ts'

/** An empty file. Its time is that of the first start of a version that reads the compact form. */
const startName = 'upgraded'

export class MessageForm {
  readonly #rollbackMs: number
  readonly #now: () => number
  /** The time from which on new files have the compact form. */
  #compactFrom = Infinity

  /** @param rollbackMs see `FileStoreOptions` */
  constructor(rollbackMs: number, now: () => number) {
    this.#rollbackMs = rollbackMs
    this.#now = now
  }

  /** Reads the time of the first start in a folder. */
  open(folder: string): void {
    this.#compactFrom = startOf(join(folder, startName), this.#now()) + this.#rollbackMs
  }

  /** Returns the format of a file that is written now. @param isShared whether it refers to messages in segments */
  formatOf(isShared: boolean): number {
    if (this.#now() >= this.#compactFrom) return compactFormat
    return isShared ? sharedFormat : format
  }
}

/** Returns the kind of a record, and the value whose JSON it has, for a message in a file of this format. */
export const messageRecord = (message: UIMessage, ofFile: number): MessageRecord =>
  ofFile >= compactFormat
    ? { kind: 'n', value: compactMessage(message) }
    : { kind: 'm', value: message }

interface MessageRecord {
  kind: 'm' | 'n'
  value: UIMessage | CompactMessage
}

/** Returns the time of the file, which begins now if it does not exist. */
function startOf(path: string, now: number): number {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
    return now
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return statSync(path).mtimeMs
  }
}
