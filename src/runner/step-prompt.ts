/**
 * The prompt of each step of a run: the conversation within the window of the model, without the texts
 * and files that the model refused before.
 */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ModelMessage } from 'ai'

import type { AgentCompaction } from '../compaction.ts'
import type { Clock } from '../ground/clock.ts'
import type { LoomError } from '../ground/error.ts'
import type { ModelFacts, Models } from '../model.ts'
import type { Spending } from '../spending.ts'
import type { Usage } from '../usage.ts'
import { callOptions, type CallOptions, offersOf } from './call-options.ts'
import { Breaker } from './compaction/breaker.ts'
import { Origins } from './compaction/origins.ts'
import { Compactor } from './compactor.ts'
import { FileFilter } from './file-filter.ts'
import { withInstructions } from './output/answer-format.ts'
import type { RunSettings } from './run-settings.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import type { SessionHooks } from './session-hooks.ts'
import { summaryWriter } from './summary-writer.ts'
import { TextFilter } from './text-filter.ts'

/** Asks a model to continue its partial reply, if that reply could not be withdrawn. */
const cutOffNote =
  'Your reply was cut off there by a broken connection. Go on exactly where it stopped, without repeating any of it.'

export interface StepPromptOptions {
  models: Models
  signal: AbortSignal
  clock: Clock
  telemetry: RunTelemetry
  compaction: AgentCompaction
  session: SessionHooks | undefined
  context: unknown
  /** Returns the settings of the current step. */
  settings: () => RunSettings
  /** Adds the cost of a summary to the run. */
  spend: (spending: Spending) => void
}

export class StepPrompt {
  readonly #settings: () => RunSettings
  readonly #context: unknown
  readonly #origins: Origins
  readonly #compactor: Compactor
  readonly #files = new FileFilter()
  readonly #texts = new TextFilter()

  constructor(options: StepPromptOptions) {
    const { models, signal, clock, telemetry, compaction, session, context, settings, spend } =
      options
    const { summaries, beforeStart } = session ?? {}
    this.#settings = settings
    this.#context = context
    this.#origins = summaries?.origins ?? new Origins()
    this.#compactor = new Compactor({
      compaction,
      signal,
      telemetry,
      origins: this.#origins,
      breaker: summaries?.breaker ?? new Breaker(),
      save: summaries?.save,
      ask: summaryWriter({
        models,
        signal,
        clock,
        telemetry,
        settings,
        beforeStart,
        spend,
        options: typeof compaction === 'object' ? compaction : {},
        context,
      }),
    })
  }

  /** The message that asks the model to continue its partial reply. */
  cutOffNote(): ModelMessage {
    return this.#origins.note(cutOffNote)
  }

  /** A message that Loom writes in the user's place. */
  note(text: string): ModelMessage {
    return this.#origins.note(text)
  }

  /** The messages that fit this model. May write a summary. */
  async messagesFor(
    model: LanguageModelV4,
    facts: ModelFacts,
    messages: readonly ModelMessage[],
  ): Promise<readonly ModelMessage[]> {
    const { contextWindow, maxOutputTokens, output, ...settings } = this.#settings()
    const systemPrompt = withInstructions(settings.systemPrompt, output)
    const tools = offersOf(this.#settings(), this.#context)
    const call = { model, facts, contextWindow, maxOutputTokens, systemPrompt, tools }
    return this.#compactor.view(messages, call)
  }

  /** The options of the model call, from the messages of `messagesFor`. */
  optionsFor(
    model: LanguageModelV4,
    facts: ModelFacts,
    messages: readonly ModelMessage[],
  ): CallOptions {
    const context = this.#context
    const options = callOptions(model, this.#settings(), { messages, context, facts })
    const prompt = this.#texts.promptFor(model, options.prompt)
    return { ...options, prompt: this.#files.promptFor({ model, facts, prompt }) }
  }

  /** Handles a prompt that was too long. Returns false if another attempt would not help. */
  recordOverflow(failure: LoomError): boolean {
    return this.#compactor.recordOverflow(failure)
  }

  /** Handles a refused prompt. Returns true if the model can be asked once more, with less in it. */
  recordRefusal(failure: LoomError, isLastModel: boolean): boolean {
    return this.#texts.recordRefusal(failure) || this.#files.recordRefusal(failure, isLastModel)
  }

  /** Records a complete reply, which means that the model accepted the prompt. */
  recordAnswer(usage: Usage): void {
    this.#texts.recordAnswer()
    this.#files.recordAnswer()
    this.#compactor.recordUsage(usage)
  }

  /** Discards shortened messages after the messages of the run were replaced. */
  reset(): void {
    this.#compactor.reset()
  }
}
