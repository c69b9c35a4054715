/** Model replies and tools that wait at chosen places, and report when they have reached them. */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { z } from 'zod'

import type { NamedTool } from '../../src/tool.ts'
import { within } from '../deadline.ts'
import { type PartSource, says, words } from '../scripted-model.ts'

/** A place that holds its visitor until the test opens it. */
export class Gate {
  readonly #reached = Promise.withResolvers<void>()
  readonly #open = Promise.withResolvers<void>()
  readonly #label: string
  arrivals = 0
  /** Whether the held visitor was aborted. */
  wasAborted = false

  constructor(label: string) {
    this.#label = label
  }

  reached(): Promise<void> {
    return within(8000, this.#label, this.#reached.promise)
  }

  open(): void {
    this.#open.resolve()
  }

  /** Rejects with the reason of the signal. */
  async pass(signal?: AbortSignal): Promise<void> {
    this.arrivals++
    this.#reached.resolve()
    const aborted = Promise.withResolvers<void>()
    signal?.addEventListener('abort', () => aborted.resolve(), { once: true })
    if (signal?.aborted !== true) await Promise.race([this.#open.promise, aborted.promise])
    if (signal?.aborted === true) this.wasAborted = true
    signal?.throwIfAborted()
  }
}

/** A reply that sends the first words, waits, and then sends the rest. */
export const saysWhen = (gate: Gate, first: string, rest: string) =>
  async function* (signal: AbortSignal): PartSource {
    yield* words(first)
    await gate.pass(signal)
    const delta: LanguageModelV4StreamPart = { type: 'text-delta', id: 'txt-0', delta: rest }
    yield delta
    yield* says('').slice(1)
  }

/** A tool that waits. `runs` has the idempotency key of each run. */
export function gatedTool(gate: Gate, runs: string[], more: Partial<NamedTool> = {}): NamedTool {
  return {
    name: 'work',
    description: 'Works.',
    inputSchema: z.looseObject({}),
    async execute(_, { idempotencyKey, signal }) {
      runs.push(idempotencyKey)
      await gate.pass(signal)
      return 'worked'
    },
    ...more,
  }
}

/** A tool that the client runs. */
export const clientTool: NamedTool = {
  name: 'ask',
  description: 'Asks the person.',
  inputSchema: z.object({ question: z.string() }),
}
