/**
 * Keeps what one run shows its models within their windows. The run's own list of messages stays
 * whole: what was made of its beginning is kept here, so that no step has to make it again. Looked at
 * before every model call, between steps and before a retry too. The file is long
 * because the steps of shortening share what was shown, refused and estimated before.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { AgentCompaction, CompactionInfo, CompactionOptions } from '../compaction.ts'
import { LoomError } from '../ground/error.ts'
import { publish } from '../ground/telemetry.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { assemble, type Covered, coveredBy, dropOldest, squeeze } from './compaction/assemble.ts'
import type { Breaker } from './compaction/breaker.ts'
import { chooseCut, latestUser } from './compaction/cut.ts'
import { jsonTokens, messageTokens, textTokens, tokensOf } from './compaction/estimate.ts'
import { type Limits, limitsOf } from './compaction/limits.ts'
import type { Origins } from './compaction/origins.ts'
import { shortText } from './compaction/shorten.ts'
import { withStubs } from './compaction/stubs.ts'
import { summarise, type SummaryTask } from './compaction/summarise.ts'
import { type Call, knownWindow, ModelWindow } from './model-window.ts'
import type { SavedSummary } from './session-hooks.ts'

export interface CompactorOptions {
  compaction: AgentCompaction
  origins: Origins
  breaker: Breaker
  signal: AbortSignal
  /** Asks for a summary. Undefined where nobody is to be asked, as for a look at the next prompt. */
  ask: AskForSummary | undefined
  /** Given what a summary stands for where the messages of a store end there. */
  save: ((summary: SavedSummary) => Promise<void>) | undefined
}

/** @returns how much the model can be told at once, and the way to tell it */
export type AskForSummary = (
  call: Call,
  limits: Limits,
) => Promise<Pick<SummaryTask, 'room' | 'ask'>>

/** Stubs that leave more than this of the room would be followed by more of them soon. */
const enough = 0.75
/** Of the threshold: what may be added before another try, where the last one was not enough. */
const growth = 0.1
/** What may have to be loaded for each turn, however short its stubs make it: about 1 MB, in tokens. */
const loadedMax = 250_000
/** Of the room: what is worth a summary. */
const gainMin = 0.05

export class Compactor {
  readonly #with: CompactorOptions
  /** Stands for the first `#through` messages of the run. */
  #base: readonly ModelMessage[] = []
  #through = 0
  readonly #windows = new Map<string, ModelWindow>()
  /** Of the model that was asked last. */
  #window = new ModelWindow()
  /** Tokens of the prompt that was asked for last. */
  #estimate = 0
  /** What would not get any shorter, with some room to grow: to try at every step would be vain. */
  #least = 0
  /** Where nobody is to be asked: whether somebody would have been. */
  summaryDue = false
  /** False once the run's messages are no longer the store's, from the last summary on. */
  #isStored = true
  /** The provider's word on the prompt that was asked for last. */
  #refused: LoomError | undefined
  /** The last prompt was refused here: no model call would change that. */
  #isHopeless = false

  constructor(options: CompactorOptions) {
    this.#with = options
  }

  /**
   * What to show the model of `messages`, to which the run only ever adds.
   * @throws LoomError `context-overflow` where even the least that can be shown is too long
   */
  async view(messages: readonly ModelMessage[], call: Call): Promise<readonly ModelMessage[]> {
    const { compaction } = this.#with
    this.#isHopeless = false
    this.#window = this.#windowOf(call.model)
    const shown = [...this.#base, ...messages.slice(this.#through)]
    const overhead = overheadOf(call)
    this.#estimate = overhead + tokensOf(shown)
    if (compaction === false) return shown
    const options = typeof compaction === 'function' ? {} : compaction
    const { window, threshold } = this.#window.sizes(call, options)
    const refused = this.#refused
    this.#refused = undefined
    if (this.#estimate <= Math.max(threshold, Math.min(this.#least, window))) return shown
    if (typeof compaction === 'function' && this.#with.ask === undefined) {
      this.summaryDue = true
      return shown
    }
    const shorter =
      typeof compaction === 'function'
        ? await this.#replaced(shown, { compaction, call, threshold })
        : await this.#compacted(shown, { options, call, window, threshold, overhead })
    // To send the same again would be vain.
    if (refused !== undefined && tokensOf(shorter) >= tokensOf(shown)) throw refused
    this.#tell(shown, shorter)
    this.#base = shorter
    this.#through = messages.length
    this.#estimate = overhead + tokensOf(shorter)
    this.#least = this.#estimate + growth * threshold
    return shorter
  }

  /** A model has read the prompt that was asked for last. */
  read({ inputTokens }: { inputTokens: number }): void {
    this.#window.read(inputTokens, this.#estimate)
  }

  /** The prompt that was asked for last was too long. False where asking again is vain. */
  overflowed(failure: LoomError): boolean {
    if (this.#with.compaction === false || this.#isHopeless) return false
    this.#window.refused(failure, this.#estimate)
    this.#least = 0
    this.#refused = failure
    return true
  }

  /** The run's messages are others now. */
  reset(): void {
    this.#least = 0
    this.#base = []
    this.#through = 0
    this.#isStored = false
  }

  #windowOf({ provider, modelId }: LanguageModelV4): ModelWindow {
    const name = `${provider}/${modelId}`
    const window = this.#windows.get(name) ?? new ModelWindow()
    this.#windows.set(name, window)
    return window
  }

  async #replaced(
    shown: readonly ModelMessage[],
    {
      compaction,
      call,
      threshold,
    }: { compaction: Extract<AgentCompaction, Function>; call: Call; threshold: number },
  ): Promise<readonly ModelMessage[]> {
    const { model } = call
    const { signal } = this.#with
    const info: CompactionInfo = {
      tokens: Math.round(this.#estimate * this.#window.ratio),
      threshold: Math.round(threshold * this.#window.ratio),
      contextWindow: knownWindow(call),
      model: `${model.provider}/${model.modelId}`,
      signal,
    }
    const messages: unknown = await untilAborted(signal, () => compaction(shown, info))
    if (isMessages(messages)) return messages
    throw new LoomError('internal', "The agent's compaction gave no list of messages.")
  }

  async #compacted(shown: readonly ModelMessage[], task: Task): Promise<readonly ModelMessage[]> {
    const { origins } = this.#with
    const limits = limitsOf(task, task.options)
    const { room } = limits
    let shorter: readonly ModelMessage[] = carried(shown, withStubs(shown, limits.keep), origins)
    const isStored = this.#with.save !== undefined && this.#isStored
    const isLongToLoad = isStored && tokensOf(shown) > Math.max(loadedMax, room)
    if (tokensOf(shorter) > enough * room || isLongToLoad) {
      const { ask, breaker } = this.#with
      this.summaryDue = ask === undefined && task.options.summarise !== false && !breaker.isOpen
      if (this.summaryDue) return shorter
      shorter = (await this.#summarised(shown, shorter, { ...task, limits })) ?? shorter
    }
    if (tokensOf(shorter) > room) {
      shorter = dropOldest(shorter, limits, origins)
      // The store has it still: a later turn may find a model that sums it up.
      this.#isStored = false
    }
    if (tokensOf(shorter) > room) shorter = squeeze(shorter, limits, origins)
    if (tokensOf(shorter) + task.overhead > task.window) throw this.#tooLong(shorter, task)
    return shorter
  }

  /** Undefined where there is no summary to be had. */
  async #summarised(
    shown: readonly ModelMessage[],
    shorter: readonly ModelMessage[],
    { options, call, limits }: Task & { limits: Limits },
  ): Promise<readonly ModelMessage[] | undefined> {
    const { ask, breaker, origins, signal } = this.#with
    if (ask === undefined || options.summarise === false || breaker.isOpen) return undefined
    const cut = chooseCut(shorter, limits.keep, origins)
    if (cut === undefined) return undefined
    const covered = coveredBy(shown, cut, origins)
    if (tokensOf(shorter.slice(0, cut)) < gainMin * limits.room) return undefined
    const summary = await this.#summaryOf(covered, call, limits)
    signal.throwIfAborted()
    const result = summary === undefined ? shorter : assemble(shorter, { cut, summary, origins })
    if (summary === undefined || tokensOf(result) >= tokensOf(shorter)) {
      breaker.failed()
      return undefined
    }
    breaker.succeeded()
    await this.#save(summary, covered.messages.at(-1))
    return result
  }

  /** Undefined for one that failed, is empty, or is longer than what it stands for. */
  async #summaryOf(covered: Covered, call: Call, limits: Limits): Promise<string | undefined> {
    const { ask } = this.#with
    if (ask === undefined) return undefined
    try {
      const way = await ask(call, limits)
      const text = await summarise({ ...covered, ...way, length: limits.summary })
      const size = tokensOf(covered.messages) + textTokens(covered.previous ?? '')
      // Some write three times as much as they are told to.
      return textTokens(text) < size ? shortText(text, 2 * limits.summary) : undefined
    } catch {
      // The conversation goes on without: what does not fit is left out.
      return undefined
    }
  }

  /** Beside the history, where it stands for whole messages of it. */
  async #save(text: string, last: ModelMessage | undefined): Promise<void> {
    const { save, origins } = this.#with
    const through = last && origins.endOf(last)
    if (save === undefined || through === undefined || !this.#isStored) return
    await save({ text, through, tokens: textTokens(text) })
  }

  #tooLong(messages: readonly ModelMessage[], { window, overhead }: Task): LoomError {
    this.#isHopeless = true
    const question = messages[latestUser(messages, this.#with.origins)]
    const size = question === undefined ? 0 : messageTokens(question)
    const tell = (tokens: number) => Math.round(tokens * this.#window.ratio).toLocaleString('en')
    const about =
      size > overhead
        ? `The message is too long for the model: it has about ${tell(size)} tokens`
        : `The instructions and tools are too long for the model: they have about ${tell(overhead)} tokens`
    return new LoomError(
      'context-overflow',
      `${about}, and the model reads at most ${tell(window)}.`,
    )
  }

  #tell(shown: readonly ModelMessage[], shorter: readonly ModelMessage[]): void {
    const same = new Set(shown)
    const kept = shorter.filter((message) => same.has(message)).length
    if (kept === shown.length) return
    const tokens = (messages: readonly ModelMessage[]) =>
      Math.round(tokensOf(messages) * this.#window.ratio)
    publish('context:compact', () => [
      { tokensBefore: tokens(shown), tokensAfter: tokens(shorter) },
      { removed: shown.length - kept, kept },
    ])
  }
}

/** An agent may be written without types. What stands in its messages is checked where they are sent. */
const isMessages = (value: unknown): value is readonly ModelMessage[] =>
  Array.isArray(value) && value.length > 0

interface Task {
  options: CompactionOptions
  call: Call
  window: number
  threshold: number
  /** Of the system prompt and the tools. */
  overhead: number
}

const overheadOf = ({ systemPrompt, tools = [] }: Call) =>
  textTokens(systemPrompt) + (tools.length === 0 ? 0 : jsonTokens(tools))

function carried(
  messages: readonly ModelMessage[],
  copies: readonly ModelMessage[],
  origins: Origins,
): ModelMessage[] {
  return copies.map((copy, index) => {
    const message = messages[index]
    return message === undefined || message === copy ? copy : origins.carry(message, copy)
  })
}
