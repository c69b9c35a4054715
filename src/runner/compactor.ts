/**
 * Keeps the prompts of one run within the windows of its models. The run's own list of messages stays
 * complete: the shortened beginning is kept here, so that no step has to compute it again. Runs
 * before every model call, also between steps and before a retry. The file is long because the stages
 * of shortening share the shown messages, the refusals and the estimates.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { AgentCompaction, CompactionInfo, CompactionOptions } from '../compaction.ts'
import { LoomError } from '../ground/error.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { systemText } from '../system-prompt.ts'
import { assemble, type Covered, coveredBy, dropOldest, squeeze } from './compaction/assemble.ts'
import type { Breaker } from './compaction/breaker.ts'
import { chooseCut, latestUser } from './compaction/cut.ts'
import {
  countInSteps,
  jsonTokens,
  messageTokens,
  textTokens,
  tokensOf,
} from './compaction/estimate.ts'
import { type Limits, limitsOf } from './compaction/limits.ts'
import type { Origins } from './compaction/origins.ts'
import { shortText } from './compaction/shorten.ts'
import { withStubs } from './compaction/stubs.ts'
import { summarise, type SummaryTask } from './compaction/summarise.ts'
import { type Call, knownWindow, ModelWindow } from './model-window.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import type { SavedSummary } from './session-hooks.ts'

export interface CompactorOptions {
  compaction: AgentCompaction
  origins: Origins
  breaker: Breaker
  signal: AbortSignal
  /** Reports each compaction. Undefined for the preview of a prompt, which is no part of a run. */
  telemetry?: RunTelemetry
  /** Asks for a summary. Undefined if no model may be asked, for instance to preview the next prompt. */
  ask: AskForSummary | undefined
  /** Stores a summary. Called if the summary ends at the end of a stored message. */
  save: ((summary: SavedSummary) => Promise<void>) | undefined
}

/** @returns how many tokens fit in one question, and the function that asks it */
export type AskForSummary = (
  call: Call,
  limits: Limits,
) => Promise<Pick<SummaryTask, 'room' | 'ask'>>

/** A share of the room. If the stubs leave more than this, the next steps would need stubs again soon. */
const enough = 0.75
/** A share of the threshold: the growth before another try, if the last one did not help enough. */
const growth = 0.1
/** About 1 MB, in tokens. Longer histories get a summary, since each turn has to load them all. */
const loadedMax = 250_000
/** A share of the room. A smaller gain is not worth the cost of a summary. */
const gainMin = 0.05

export class Compactor {
  readonly #options: CompactorOptions
  /** Replaces the first `#through` messages of the run. */
  #base: readonly ModelMessage[] = []
  #through = 0
  readonly #windows = new Map<string, ModelWindow>()
  /** The window of the last model. */
  #window = new ModelWindow()
  /** Tokens of the last prompt. */
  #estimate = 0
  /** The size of the shortest prompt so far, and some growth: below it another try has no use. */
  #least = 0
  /** With `ask` undefined: whether a summary would have been asked for. */
  summaryDue = false
  /** False once the messages differ from the stored ones (except for a saved summary). */
  #isStored = true
  /** The provider's refusal of the last prompt. */
  #refusal: LoomError | undefined
  /** The last prompt was refused here, before any model call. Another attempt would not help. */
  #isHopeless = false

  constructor(options: CompactorOptions) {
    this.#options = options
  }

  /**
   * Returns the messages to show to the model. The run only appends to `messages`.
   * @throws LoomError `context-overflow` if the shortest possible prompt is still too long
   */
  async view(messages: readonly ModelMessage[], call: Call): Promise<readonly ModelMessage[]> {
    const { compaction } = this.#options
    this.#isHopeless = false
    this.#window = this.#windowOf(call.model)
    const shown = [...this.#base, ...messages.slice(this.#through)]
    const overhead = overheadOf(call)
    await countInSteps(shown)
    this.#estimate = overhead + tokensOf(shown)
    if (compaction === false) return shown
    const options = typeof compaction === 'function' ? {} : compaction
    const { window, threshold } = this.#window.sizes(call, options)
    const refusal = this.#refusal
    this.#refusal = undefined
    if (this.#estimate <= Math.max(threshold, Math.min(this.#least, window))) return shown
    if (typeof compaction === 'function' && this.#options.ask === undefined) {
      this.summaryDue = true
      return shown
    }
    const shorter =
      typeof compaction === 'function'
        ? await this.#replace(shown, { compaction, call, threshold })
        : await this.#compact(shown, { options, call, window, threshold, overhead })
    // The same prompt would be refused again.
    if (refusal !== undefined && tokensOf(shorter) >= tokensOf(shown)) throw refusal
    this.#report(shown, shorter)
    this.#base = shorter
    this.#through = messages.length
    this.#estimate = overhead + tokensOf(shorter)
    this.#least = this.#estimate + growth * threshold
    return shorter
  }

  /** Records that a model read the last prompt. */
  recordUsage({ inputTokens }: { inputTokens: number }): void {
    this.#window.recordUsage(inputTokens, this.#estimate)
  }

  /** Records that the last prompt was too long. Returns false if another attempt would not help. */
  recordOverflow(failure: LoomError): boolean {
    if (this.#options.compaction === false || this.#isHopeless) return false
    this.#window.recordOverflow(failure, this.#estimate)
    this.#least = 0
    this.#refusal = failure
    return true
  }

  /** Discards the shortened beginning after the messages of the run were replaced. */
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

  async #replace(
    shown: readonly ModelMessage[],
    {
      compaction,
      call,
      threshold,
    }: { compaction: Extract<AgentCompaction, Function>; call: Call; threshold: number },
  ): Promise<readonly ModelMessage[]> {
    const { model } = call
    const { signal } = this.#options
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

  async #compact(shown: readonly ModelMessage[], task: Task): Promise<readonly ModelMessage[]> {
    const { origins } = this.#options
    const limits = limitsOf(task, task.options)
    const { room } = limits
    let shorter: readonly ModelMessage[] = withOrigins(
      shown,
      withStubs(shown, limits.keep),
      origins,
    )
    const isStored = this.#options.save !== undefined && this.#isStored
    const isLongToLoad = isStored && tokensOf(shown) > Math.max(loadedMax, room)
    if (tokensOf(shorter) > enough * room || isLongToLoad) {
      const { ask, breaker } = this.#options
      this.summaryDue = ask === undefined && task.options.summarise !== false && !breaker.isOpen
      if (this.summaryDue) return shorter
      shorter = (await this.#summarise(shown, shorter, { ...task, limits })) ?? shorter
    }
    if (tokensOf(shorter) > room) {
      shorter = dropOldest(shorter, limits, origins)
      // The store keeps the messages: a later turn may have a model that can summarise them.
      this.#isStored = false
    }
    if (tokensOf(shorter) > room) shorter = squeeze(shorter, limits, origins)
    if (tokensOf(shorter) + task.overhead > task.window) throw this.#tooLong(shorter, task)
    return shorter
  }

  /** Returns undefined if there is no summary. */
  async #summarise(
    shown: readonly ModelMessage[],
    shorter: readonly ModelMessage[],
    { options, call, limits }: Task & { limits: Limits },
  ): Promise<readonly ModelMessage[] | undefined> {
    const { ask, breaker, origins, signal } = this.#options
    if (ask === undefined || options.summarise === false || breaker.isOpen) return undefined
    const cut = chooseCut(shorter, limits.keep, origins)
    if (cut === undefined) return undefined
    const covered = coveredBy(shown, cut, origins)
    if (tokensOf(shorter.slice(0, cut)) < gainMin * limits.room) return undefined
    const summary = await this.#summaryOf(covered, call, limits)
    signal.throwIfAborted()
    const result = summary === undefined ? shorter : assemble(shorter, { cut, summary, origins })
    if (summary === undefined || tokensOf(result) >= tokensOf(shorter)) {
      breaker.recordFailure()
      return undefined
    }
    breaker.recordSuccess()
    await this.#save(summary, covered.messages.at(-1))
    return result
  }

  /** Returns undefined if the summary failed, is empty, or is longer than the messages that it replaces. */
  async #summaryOf(covered: Covered, call: Call, limits: Limits): Promise<string | undefined> {
    const { ask } = this.#options
    if (ask === undefined) return undefined
    try {
      const summariser = await ask(call, limits)
      const text = await summarise({ ...covered, ...summariser, length: limits.summary })
      const size = tokensOf(covered.messages) + textTokens(covered.previous ?? '')
      // Some models write three times the requested length.
      return textTokens(text) < size ? shortText(text, 2 * limits.summary) : undefined
    } catch {
      // The conversation continues without a summary. Messages that do not fit are left out.
      return undefined
    }
  }

  /** Stores the summary if it replaces whole stored messages. */
  async #save(text: string, last: ModelMessage | undefined): Promise<void> {
    const { save, origins } = this.#options
    const through = last && origins.endOf(last)
    if (save === undefined || through === undefined || !this.#isStored) return
    await save({ text, through, tokens: textTokens(text) })
  }

  #tooLong(messages: readonly ModelMessage[], { window, overhead }: Task): LoomError {
    this.#isHopeless = true
    const question = messages[latestUser(messages, this.#options.origins)]
    const size = question === undefined ? 0 : messageTokens(question)
    const count = (tokens: number) => Math.round(tokens * this.#window.ratio).toLocaleString('en')
    const about =
      size > overhead
        ? `The message is too long for the model: it has about ${count(size)} tokens`
        : `The instructions and tools are too long for the model: they have about ${count(overhead)} tokens`
    return new LoomError(
      'context-overflow',
      `${about}, and the model reads at most ${count(window)}.`,
    )
  }

  #report(shown: readonly ModelMessage[], shorter: readonly ModelMessage[]): void {
    const same = new Set(shown)
    const kept = shorter.filter((message) => same.has(message)).length
    if (kept === shown.length) return
    const tokens = (messages: readonly ModelMessage[]) =>
      Math.round(tokensOf(messages) * this.#window.ratio)
    this.#options.telemetry?.publish('context:compact', () => [
      { tokensBefore: tokens(shown), tokensAfter: tokens(shorter) },
      { removed: shown.length - kept, kept },
    ])
  }
}

/** An agent may be written without types. The parts of its messages are checked when they are sent. */
const isMessages = (value: unknown): value is readonly ModelMessage[] =>
  Array.isArray(value) && value.length > 0

interface Task {
  options: CompactionOptions
  call: Call
  window: number
  threshold: number
  /** Tokens of the system prompt and the tools. */
  overhead: number
}

const overheadOf = ({ systemPrompt, tools = [] }: Call) =>
  textTokens(systemText(systemPrompt)) + (tools.length === 0 ? 0 : jsonTokens(tools))

function withOrigins(
  messages: readonly ModelMessage[],
  copies: readonly ModelMessage[],
  origins: Origins,
): ModelMessage[] {
  return copies.map((copy, index) => {
    const message = messages[index]
    return message === undefined || message === copy ? copy : origins.carry(message, copy)
  })
}
