/**
 * One run of an agent, step by step: ask the model, settle its tool calls, decide whether to go on.
 * `runner.ts` decides how the run ends. The file is long because a run can be cut off, or begin, at
 * any point of a step, and all of it shares the state of what is open, kept and spent.
 */
import { randomBytes } from 'node:crypto'

import type { ModelMessage, ToolResultPart } from 'ai'

import type { StepDecision } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { publish } from '../ground/telemetry.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import type { Outcome } from '../run-result.ts'
import type { Sink } from '../sink.ts'
import type { AgentRunOptions } from './agent-run-options.ts'
import { askModel, type ModelReply } from './ask-model.ts'
import { Attempts } from './attempts.ts'
import { CallIds } from './call-ids.ts'
import { type CallRound, CallSettler, type Settlement } from './call-settler.ts'
import { contextOf } from './context.ts'
import { CurrentReply, resultMessages, stepOf } from './current-reply.ts'
import { EarlierCalls } from './earlier-calls.ts'
import { type Excess, Ledger } from './ledger.ts'
import type { RunSettings } from './run-settings.ts'
import { settlerOptions } from './settler-options.ts'
import { StepPrompt } from './step-prompt.ts'
import type { StepReader } from './step-reader.ts'
import { toolTable } from './tool-table.ts'

export class AgentRun<CONTEXT> {
  readonly messages: ModelMessage[]
  readonly ledger: Ledger
  steps = 0
  model: string | undefined
  /** For people: why the run ends before it is done. */
  reason: string | undefined
  /** The reply that is read now, or the last one. */
  readonly reply: CurrentReply

  readonly #with: AgentRunOptions<CONTEXT>
  readonly #context: CONTEXT
  readonly #settler: CallSettler
  readonly #callIds: CallIds
  readonly #earlier: EarlierCalls
  readonly #prompt: StepPrompt
  /** What part ids begin with. A message that an earlier run began holds ids of that run. */
  readonly #idPrefix: string
  #settings: RunSettings
  #attempts: Attempts
  /** True between the `start-step` and the `finish-step` of a step. */
  #stepOpen: boolean
  /** True while the last message is a partial reply that the model goes on from. */
  #isCutOff: boolean

  constructor(run: AgentRunOptions<CONTEXT>) {
    const { models, signal, options, settings } = run
    const { session, above } = options
    const { budget, sessionBudget, compaction } = settings
    const { spent: before, ...resume } = session?.resume ?? {}
    const context = contextOf(options)
    this.#with = run
    this.#context = context
    this.#settings = settings
    this.messages = [...run.messages]
    const ledger = new Ledger({ budget, sessionBudget, before, above })
    this.ledger = ledger
    const emit: Sink = async (event) => {
      // Sub-agents spend while their tool runs.
      await this.#reportSpending()
      await run.emit(event)
    }
    this.#settler = new CallSettler(settlerOptions(run, { emit, ledger }))
    this.#callIds = new CallIds(this.messages)
    // Their results may still come. A call that gets none is settled with this run.
    for (const call of resume.providerCalls ?? []) this.#callIds.began(call.toolCallId, call)
    this.#prompt = new StepPrompt({
      models,
      signal,
      compaction,
      session,
      context,
      settings: () => this.#settings,
      spend: (spending) => ledger.add(spending),
    })
    this.#earlier = new EarlierCalls({
      open: resume.openCalls ?? [],
      settler: this.#settler,
      emit: run.emit,
    })
    this.reply = new CurrentReply(ledger, run.emit)
    this.#attempts = this.#newAttempts()
    const isNew = this.messages.at(-1)?.role === 'user'
    this.#idPrefix = isNew ? '' : `${randomBytes(3).toString('hex')}-`
    this.#stepOpen = resume.stepOpen ?? false
    this.#isCutOff = resume.cutOff ?? false
  }

  /** True where a client would take the message for unfinished: it ends in tool results. */
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
    this.messages.push(...resultMessages(results))
    signal.throwIfAborted()
    if (waits) {
      this.reply.finishReason = 'tool-calls'
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

  async #settleEarlier(): Promise<Settlement> {
    const open = await this.#earlier.settleOpen(this.#round)
    if (open !== undefined) {
      if (this.#stepOpen) {
        await this.#finishStep()
        return open
      }
      this.messages.push(...resultMessages(open.results))
    }
    return this.#earlier.settleDecided(this.#round)
  }

  /** After a failure or an abort: ends what is open and keeps what the model said. */
  async settle(reason: string): Promise<void> {
    await this.#earlier.fail(reason, this.#round)
    this.messages.push(...(await this.reply.fail(reason)))
    await this.#finishStep()
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
    if (!this.#stepOpen) return
    this.#stepOpen = false
    await this.#reportSpending()
    await this.#with.emit({ type: 'finish-step' })
  }

  /**
   * So that the process which goes on with this message, after a wait or a crash, knows what it has
   * cost. Reported before the calls of a step run, since the process may die in them.
   */
  async #reportSpending(): Promise<void> {
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
    if (!this.#stepOpen) await this.#with.emit({ type: 'start-step' })
    this.#stepOpen = true
    if (session !== undefined) this.messages.push(...(await session.moreMessages()))
    if (this.#isCutOff) this.messages.push(this.#prompt.cutOffNote())
    this.#isCutOff = false
    const { kind, reply } = await this.#ask()
    const settled =
      kind === 'whole' ? await this.#settleCalls(reply) : await this.#keepPartial(reply, kind)
    await this.#finishStep()
    return { reply, settled: kind === 'instead' ? ('finished' as const) : settled }
  }

  async #ask(): Promise<ModelReply> {
    const { agent, models, emit, signal, options } = this.#with
    const { session, recovery } = options
    const asked = await askModel({
      models,
      emit,
      signal,
      attempts: this.#attempts,
      limits: this.#settings.limits,
      mayReset: session?.mayReset ?? (() => Promise.resolve(recovery !== 'continue')),
      beforeStart: session?.beforeStart,
      reader: {
        tools: this.#settings.tools,
        prefix: `${this.#idPrefix}s${this.steps}`,
        callIds: this.#callIds,
      },
      optionsFor: async (model, facts) => {
        const messages = await this.#prompt.shownTo(model, facts, this.messages)
        // A summary may have cost something.
        await this.#reportSpending()
        return this.#prompt.optionsFor(model, facts, messages)
      },
      onOverflow: (failure) => this.#prompt.overflowed(failure),
      onRefusal: (failure, isLastModel) => this.#prompt.refused(failure, isLastModel),
      onError: (error) => agent.onError?.(error, this.#context) ?? 'stop',
      onAttempt: (reply, model) => this.reply.begin(reply, model),
    })
    this.model = asked.model
    if (asked.kind === 'whole') this.#prompt.answered(asked.reply.usage)
    // Before its calls run: their sub-agents need to know what is left.
    this.reply.charge(asked.reply)
    if (asked.kind !== 'cut-off') this.#attempts = this.#attempts.forNextStep()
    return asked
  }

  #newAttempts(): Attempts {
    return new Attempts(this.#settings.models, this.#settings.retry)
  }

  /** Keeps a reply that broke off; the model goes on from it unless `onError` has answered. */
  async #keepPartial(reply: StepReader, kind: ModelReply['kind']): Promise<undefined> {
    this.messages.push(...(await this.reply.keepPartial(reply)))
    // The result of a call that was cut off says so by itself; no model goes on from a thought alone.
    this.#isCutOff = kind === 'cut-off' && reply.text !== '' && reply.calls.length === 0
  }

  /** The results of the reply's calls, or an outcome where the run does not go on with them. */
  async #settleCalls(reply: StepReader): Promise<ToolResultPart[] | Outcome> {
    if (reply.calls.length > 0) await this.#reportSpending()
    const { results, waits } = await this.#settler.settle(reply, this.#round)
    this.messages.push(...this.reply.keep(reply, results))
    if (waits) return 'waiting'
    return results.length > 0 ? results : 'finished'
  }

  get #round(): CallRound {
    const { tools, toolConcurrency } = this.#settings
    return { messages: this.messages, tools, concurrency: toolConcurrency }
  }

  async #decide(reply: StepReader, results: ToolResultPart[]): Promise<Outcome | undefined> {
    const { agent, signal } = this.#with
    const { steps: step, messages } = this
    const { usage, cost } = this.ledger
    const info = { step, usage, ...(cost !== undefined && { cost }), messages }
    const decision = await untilAborted(signal, () =>
      agent.onStep?.({ ...info, ...stepOf(reply, results) }, this.#context),
    )
    if (decision === 'stop') return 'stopped'
    if (typeof decision === 'object') await this.#adopt(decision)
    return undefined
  }

  async #adopt({ messages, tools, model }: Exclude<StepDecision, string>): Promise<void> {
    if (messages !== undefined) {
      this.messages.splice(0, this.messages.length, ...messages)
      this.#prompt.reset()
    }
    this.#settings = {
      ...this.#settings,
      ...(tools !== undefined && { tools: await toolTable(tools) }),
      ...(model !== undefined && { models: [model] }),
    }
    this.#attempts = this.#newAttempts()
  }
}
