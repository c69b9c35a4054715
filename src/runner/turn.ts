/**
 * One run of an agent, step by step: ask the model, settle its tool calls, decide whether to go on.
 * It holds what the run has said and spent; how it ends is `runner.ts`'s business. The parts of a step
 * are files of their own; what is left is long since a run can be cut off, or begin, at any point of a
 * step, and what then is open, kept, spent and still to be settled is one state that all of it shares.
 */
import { randomBytes } from 'node:crypto'

import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ModelMessage, ToolResultPart } from 'ai'

import type { StepDecision } from '../agent.ts'
import { Origins } from '../compaction/origins.ts'
import { unstoredItems, withoutItemId } from '../conversation/stored-items.ts'
import { LoomError } from '../error.ts'
import type { FinishReason } from '../event.ts'
import type { ModelFacts } from '../model.ts'
import type { Outcome } from '../run-result.ts'
import type { Sink } from '../sink.ts'
import { publish } from '../telemetry.ts'
import { untilAborted } from '../until-aborted.ts'
import { askModel, type Answer } from './ask-model.ts'
import { Attempts } from './attempts.ts'
import { CallIds } from './call-ids.ts'
import { callOptions, offersOf } from './call-options.ts'
import { type CallRound, CallSettler, type Settlement } from './call-settler.ts'
import { compactorOptions } from './compactor-options.ts'
import { Compactor } from './compactor.ts'
import { contextOf } from './context.ts'
import { type Excess, Ledger } from './ledger.ts'
import { pendingCalls } from './pending.ts'
import type { OpenCall } from './session-hooks.ts'
import type { Settings } from './settings.ts'
import { settlerOptions } from './settler-options.ts'
import { ShownFiles } from './shown-files.ts'
import { ShownTexts } from './shown-texts.ts'
import { stepInfo } from './step-info.ts'
import type { StepReader } from './step-reader.ts'
import { failed, ofCall } from './tool-calls.ts'
import { toolTable } from './tool-table.ts'
import type { TurnOptions } from './turn-options.ts'

/** Tells a model whose reply broke off how to go on, where the partial reply could not be withdrawn. */
const cutOffNote =
  'Your reply was cut off there by a broken connection. Go on exactly where it stopped, without repeating any of it.'

export class Turn<CONTEXT> {
  readonly messages: ModelMessage[]
  readonly ledger: Ledger
  steps = 0
  text = ''
  model: string | undefined
  /** For people: why the turn ends before it is done. */
  reason: string | undefined
  finishReason: FinishReason = 'other'
  /** When the first word, thought or call came; milliseconds on the monotonic clock. */
  firstContentAt: number | undefined
  /** True while a step is open: it has had its `start-step` and not its `finish-step`. */
  stepOpen = false

  readonly #with: TurnOptions<CONTEXT>
  readonly #settler: CallSettler
  readonly #callIds: CallIds
  readonly #origins: Origins
  readonly #compactor: Compactor
  readonly #files = new ShownFiles()
  readonly #texts = new ShownTexts()
  /** What part ids begin with. A message that an earlier run began holds ids of that run. */
  readonly #idPrefix: string
  readonly #context: CONTEXT
  #settings: Settings
  #attempts: Attempts
  /** The reply that is being read or whose calls are being run. */
  #reply: StepReader | undefined
  /** `provider/model-id` of the model that gives it. */
  #replyModel: string | undefined
  /** The reply that the ledger has. */
  #noted: StepReader | undefined
  /** True while the last message is a partial reply that the model is to go on from. */
  #isCutOff = false
  /** Whether the calls that a human decided on are being settled, or were. */
  #isBegun = false
  /** Calls whose process died, until they are settled. */
  #openCalls: readonly OpenCall[]

  constructor(options: TurnOptions<CONTEXT>) {
    this.#with = options
    this.#context = contextOf(options.options)
    this.#settings = options.settings
    this.messages = [...options.messages]
    const { session, above } = options.options
    const { budget, sessionBudget } = options.settings
    this.ledger = new Ledger({
      budget,
      sessionBudget,
      before: session?.resume.spent,
      above,
    })
    const emit: Sink = async (event) => {
      // Sub-agents spend while their tool runs.
      await this.#tellSpending()
      await options.emit(event)
    }
    this.#settler = new CallSettler(settlerOptions({ ...options, emit }, this.ledger))
    this.#callIds = new CallIds(this.messages)
    this.#origins = session?.summaries?.origins ?? new Origins()
    this.#compactor = new Compactor(
      compactorOptions(options, {
        origins: this.#origins,
        settings: () => this.#settings,
        spend: (spending) => this.ledger.add(spending),
      }),
    )
    this.#attempts = this.#newAttempts()
    const isNew = this.messages.at(-1)?.role === 'user'
    this.#idPrefix = isNew ? '' : `${randomBytes(3).toString('hex')}-`
    const { resume = {} } = session ?? {}
    const { stepOpen = false, cutOff = false, openCalls = [], providerCalls = [] } = resume
    // Their results may still come, and without one they are settled with this run.
    for (const call of providerCalls) this.#callIds.began(call.toolCallId, call)
    this.stepOpen = stepOpen
    this.#isCutOff = cutOff
    this.#openCalls = openCalls
  }

  /** True where a client would take the message for unfinished: the last it sees are results. */
  get endsInResults(): boolean {
    return this.messages.at(-1)?.role === 'tool'
  }

  /** Steps until the agent is done. */
  async run(): Promise<Outcome> {
    const { signal, settings, options } = this.#with
    signal.throwIfAborted()
    if (options.session !== undefined && Object.keys(settings.sessionBudget).length > 0) {
      this.ledger.sessionSpent = await options.session.spent()
    }
    const { results, waits } = await this.#settleEarlier()
    this.#pushResults(results)
    signal.throwIfAborted()
    if (waits) {
      this.finishReason = 'tool-calls'
      return 'waiting'
    }
    while (this.steps < this.#settings.maxSteps) {
      const excess = this.ledger.excess()
      if (excess !== undefined) return this.#endEarly(excess)
      const outcome = await this.#step()
      if (outcome !== undefined) return outcome
      signal.throwIfAborted()
    }
    return 'max-steps'
  }

  /** A message that would stay empty is an error: its reader would look for an answer. */
  #endEarly({ outcome, reason }: Excess): Outcome {
    const { session } = this.#with.options
    if (this.steps === 0 && session?.resume.started !== true) {
      throw new LoomError('over-budget', reason)
    }
    this.reason = reason
    return outcome
  }

  /** Calls of before this run: those that a human decided on, or those whose process died. */
  async #settleEarlier(): Promise<Settlement> {
    if (this.#openCalls.length > 0) {
      const settlement = await this.#settler.settleOpen(this.#openCalls, this.#round)
      this.#openCalls = []
      if (this.stepOpen) {
        await this.#finishStep()
        return settlement
      }
      this.#pushResults(settlement.results)
    }
    this.#isBegun = true
    return this.#settler.settleDecided(this.#round)
  }

  /** After a failure or an abort: ends what is open and keeps what was said. */
  async settle(reason: string): Promise<void> {
    const reply = this.#reply
    for (const call of [...this.#openCalls, ...this.#decidedCalls]) {
      await this.#with.emit({ type: 'tool-output-error', errorText: reason, ...ofCall(call) })
    }
    if (reply !== undefined) {
      await reply.close()
      for (const call of reply.calls.filter(({ refusal }) => refusal === undefined)) {
        await this.#with.emit({ type: 'tool-output-error', errorText: reason, ...ofCall(call) })
      }
      await this.#tellUnstored(reply)
      this.#keep(reply, refusals(reply, reason))
    }
    await this.#finishStep()
  }

  /** So that no later request names an item of a response that did not complete. */
  async #tellUnstored(reply: StepReader): Promise<void> {
    const messageMetadata = isPartial(reply) ? unstoredItems(reply.content) : undefined
    if (messageMetadata === undefined) return
    await this.#with.emit({ type: 'message-metadata', messageMetadata })
  }

  /** Calls that a human decided on and that were not even begun. */
  get #decidedCalls() {
    if (this.#isBegun || this.#openCalls.length > 0) return []
    return pendingCalls(this.messages).decided.map(({ toolCallId, toolName }) => ({
      toolCallId,
      dynamic: this.#settings.tools.get(toolName)?.dynamic ?? true,
    }))
  }

  /** Ends the calls that the provider runs itself and never answered. */
  async settleProviderCalls(): Promise<void> {
    const errorText = 'The provider gave no result.'
    for (const { toolCallId, dynamic } of this.#callIds.takeUnanswered()) {
      const flags = { providerExecuted: true, ...(dynamic === true && { dynamic }) }
      await this.#with.emit({ type: 'tool-output-error', toolCallId, errorText, ...flags })
    }
  }

  async #finishStep(): Promise<void> {
    if (!this.stepOpen) return
    this.stepOpen = false
    await this.#tellSpending()
    await this.#with.emit({ type: 'finish-step' })
  }

  /**
   * So that whoever goes on with this message, after a wait or a crash, knows what it has cost: told
   * before the calls of a step run, since a process may die in them.
   */
  async #tellSpending(): Promise<void> {
    const { emit, options } = this.#with
    const messageMetadata = options.session === undefined ? undefined : this.ledger.takeNews()
    if (messageMetadata !== undefined) await emit({ type: 'message-metadata', messageMetadata })
  }

  async #step(): Promise<Outcome | undefined> {
    const { agent } = this.#with
    this.steps++
    this.ledger.beginStep()
    const labels = { agent: agent.name, step: this.steps }
    const started = performance.now()
    publish('step:start', () => [{}, labels])
    const { reply, settled } = await this.#askAndSettle().finally(() => {
      publish('step:stop', () => [{ durationMs: performance.now() - started }, labels])
    })
    return Array.isArray(settled) ? this.#decide(reply, settled) : settled
  }

  /** From `start-step` to `finish-step`. */
  async #askAndSettle() {
    const { session } = this.#with.options
    if (!this.stepOpen) await this.#with.emit({ type: 'start-step' })
    this.stepOpen = true
    if (session !== undefined) this.messages.push(...(await session.moreMessages()))
    if (this.#isCutOff) this.messages.push(this.#origins.note(cutOffNote))
    this.#isCutOff = false
    const { kind, reply } = await this.#ask()
    const settled =
      kind === 'whole' ? await this.#settleCalls(reply) : await this.#keepPartial(reply, kind)
    await this.#finishStep()
    return { reply, settled: kind === 'instead' ? ('finished' as const) : settled }
  }

  // The model

  async #ask(): Promise<Answer> {
    const { agent, models, emit, signal, options } = this.#with
    const answer = await askModel({
      models,
      emit,
      signal,
      attempts: this.#attempts,
      limits: this.#settings.limits,
      mayReset:
        options.session?.mayReset ?? (() => Promise.resolve(options.recovery !== 'continue')),
      beforeStart: options.session?.beforeStart,
      reader: {
        tools: this.#settings.tools,
        prefix: `${this.#idPrefix}s${this.steps}`,
        callIds: this.#callIds,
      },
      optionsFor: async (model, facts) => {
        const messages = await this.#shownTo(model, facts)
        // A summary may have been asked for.
        await this.#tellSpending()
        const context = this.#context
        const options = callOptions(model, this.#settings, { messages, context, facts })
        const prompt = this.#texts.shownTo(model, options.prompt)
        return { ...options, prompt: this.#files.shownTo({ model, facts, prompt }) }
      },
      onOverflow: (failure) => this.#compactor.overflowed(failure),
      onRefusal: (failure, isLastModel) =>
        this.#texts.refused(failure) || this.#files.refused(failure, isLastModel),
      onError: (error) => agent.onError?.(error, this.#context) ?? 'stop',
      onAttempt: (reply, model) => {
        if (this.#reply !== undefined) this.#noteSpent(this.#reply)
        this.#reply = reply
        this.#replyModel = model
      },
    })
    this.model = answer.model
    if (answer.kind === 'whole') {
      this.#texts.answered()
      this.#files.answered()
    }
    if (answer.kind === 'whole') this.#compactor.read(answer.reply.usage)
    // Before its calls run: their sub-agents are to know what is left.
    this.#noteSpent(answer.reply)
    if (answer.kind !== 'cut-off') this.#attempts = this.#attempts.forNextStep()
    return answer
  }

  /** What fits the model's window. */
  #shownTo(model: LanguageModelV4, facts: ModelFacts): Promise<readonly ModelMessage[]> {
    const { contextWindow, maxOutputTokens, systemPrompt } = this.#settings
    const tools = offersOf(this.#settings, this.#context)
    const call = { model, facts, contextWindow, maxOutputTokens, systemPrompt, tools }
    return this.#compactor.view(this.messages, call)
  }

  #newAttempts(): Attempts {
    return new Attempts(this.#settings.models, this.#settings.retry)
  }

  /** Keeps a reply that broke off; the model goes on from it unless `onError` has spoken. */
  async #keepPartial(reply: StepReader, kind: Answer['kind']): Promise<undefined> {
    await this.#tellUnstored(reply)
    this.#keep(reply, refusals(reply))
    // The result of a call that was cut off says so by itself; from a thought there is no going on.
    this.#isCutOff = kind === 'cut-off' && reply.text !== '' && reply.calls.length === 0
  }

  // Tool calls

  /** The results of the reply's calls; an outcome where the turn does not go on with them. */
  async #settleCalls(reply: StepReader): Promise<ToolResultPart[] | Outcome> {
    if (reply.calls.length > 0) await this.#tellSpending()
    const { results, waits } = await this.#settler.settle(reply, this.#round)
    this.#keep(reply, results)
    if (waits) return 'waiting'
    return results.length > 0 ? results : 'finished'
  }

  get #round(): CallRound {
    const { tools, toolConcurrency } = this.#settings
    return { messages: this.messages, tools, concurrency: toolConcurrency }
  }

  /** The reply and the results of its calls become messages. */
  #keep(reply: StepReader, results: ToolResultPart[]): void {
    this.#reply = undefined
    this.#noteSpent(reply)
    this.text = reply.text
    this.finishReason = reply.finishReason ?? 'other'
    // Of a reply that broke off a thought alone is nothing: without its signature providers refuse it.
    const partial = isPartial(reply)
    if (reply.content.some(({ type }) => !partial || type !== 'reasoning')) {
      const content = partial ? reply.content.map(withoutItemId) : reply.content
      this.messages.push({ role: 'assistant', content })
    }
    this.#pushResults(results)
  }

  /** Once a reply, from wherever it ends. */
  #noteSpent(reply: StepReader): void {
    if (this.#noted === reply) return
    this.#noted = reply
    this.firstContentAt ??= reply.firstContentAt
    this.ledger.add(reply.spending, this.#replyModel)
  }

  #pushResults(content: ToolResultPart[]): void {
    if (content.length > 0) this.messages.push({ role: 'tool', content })
  }

  // What next

  async #decide(reply: StepReader, results: ToolResultPart[]): Promise<Outcome | undefined> {
    const { agent, signal } = this.#with
    const { steps: step, messages } = this
    const { usage, cost } = this.ledger
    const soFar = { step, usage, ...(cost !== undefined && { cost }), messages }
    const decision = await untilAborted(signal, () =>
      agent.onStep?.(stepInfo(reply, results, soFar), this.#context),
    )
    if (decision === 'stop') return 'stopped'
    if (typeof decision === 'object') await this.#adopt(decision)
    return undefined
  }

  async #adopt({ messages, tools, model }: Exclude<StepDecision, string>): Promise<void> {
    if (messages !== undefined) {
      this.messages.splice(0, this.messages.length, ...messages)
      this.#compactor.reset()
    }
    this.#settings = {
      ...this.#settings,
      ...(tools !== undefined && { tools: await toolTable(tools) }),
      ...(model !== undefined && { models: [model] }),
    }
    this.#attempts = this.#newAttempts()
  }
}

/** A reply that broke off: a provider that stores its answers has not stored this one. */
const isPartial = ({ finishReason }: StepReader) =>
  finishReason === undefined || finishReason === 'error'

/** The results of calls that were not run. */
const refusals = (reply: StepReader, reason = 'Not run.'): ToolResultPart[] =>
  reply.calls.map((call) => failed(call, call.refusal ?? reason).part)
