/** The progress and the end of one tool call, also of one that was aborted. */
import { setTimeout as delay } from 'node:timers/promises'

import type { JSONValue } from '@ai-sdk/provider'

import { errorMessage, LoomError } from '../ground/error.ts'
import { toJson } from '../ground/json.ts'
import { abortError } from '../ground/until-aborted.ts'
import type { ToolOutput } from './tool-table.ts'

/** The time in which an aborted tool that has shown progress may still return its own result. */
const lastWordsMs = 1000
/** Characters of the progress that the model receives if the tool returns no result of its own. */
const progressCharsMax = 50_000

export interface Success {
  output: JSONValue
  /** The output in the form that the model receives. */
  modelOutput: ToolOutput
}

export type Settled = Success | { error: string }

/**
 * The progress that a tool has shown. The output of a stopped command tells the model more than the
 * fact that it was stopped, so an aborted tool has a short time to end by itself.
 */
export class ToolProgress {
  #last: unknown

  show(output: unknown): void {
    this.#last = output
  }

  /** The end of an aborted call. Undefined if it showed no progress, or another process continues it. */
  async ending(
    running: Promise<Success> | undefined,
    signal: AbortSignal,
  ): Promise<Settled | undefined> {
    const { reason }: { reason: unknown } = signal
    if (running === undefined || this.#last === undefined) return undefined
    if (reason instanceof LoomError && reason.code === 'lost') return undefined
    const over = new AbortController()
    const end = await Promise.race([
      running.catch((error: unknown) => ({ error })),
      delay(lastWordsMs, undefined, { signal: over.signal }).catch(() => undefined),
    ])
    over.abort()
    if (end !== undefined && 'output' in end) return end
    const words = errorMessage(end === undefined ? abortError(signal) : end.error)
    const text = this.#text
    // The final error of a command already holds its output.
    if (words.includes(text.trim())) return { error: words }
    return { error: `${words}\n\nOutput until then:\n${text}` }
  }

  get #text(): string {
    const text = typeof this.#last === 'string' ? this.#last : JSON.stringify(toJson(this.#last))
    return text.slice(-progressCharsMax).toWellFormed()
  }
}
