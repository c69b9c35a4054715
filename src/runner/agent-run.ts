/**
 * One run of an agent, step by step: ask the model, settle its tool calls, decide whether to go on.
 * `runner.ts` decides how the run ends. The file is long because a run can break off or resume at
 * any point of a step, and all these points share the state of open calls, kept messages and spending.
 */
import { randomBytes } from 'node:crypto'

import type { ModelMessage, ToolResultPart } from 'ai'

import type { StepDecision } from '../agent.ts'
import { changedFields } from '../ground/agent-values.ts'
import { type Clock, systemClock } from '../ground/clock.ts'
import { LoomError } from '../ground/error.ts'
import type { Outcome } from '../run-result.ts'
import type { Sink } from '../sink.ts'
import { preparationFields, type PreparedStep, type StepPreparation } from '../step-preparation.ts'
import type { AgentRunOptions } from './agent-run-options.ts'
import { askModel, type ModelReply } from './ask-model.ts'
import { CallIds } from './call-ids.ts'
import { type CallRound, CallSettler, type Settlement } from './call-settler.ts'
import { callbackResult } from './callback-result.ts'
import { contextOf } from './context.ts'
import { CurrentReply, resultMessages, stepOf } from './current-reply.ts'
import { EarlierCalls } from './earlier-calls.ts'
import { type Excess, Ledger } from './ledger.ts'
import { AnswerCheck } from './output/answer-check.ts'
import type { Output } from './output/read-output.ts'
import { settlerOptions } from './settler-options.ts'
import { StepPrompt } from './step-prompt.ts'
import type { StepReader } from './step-reader.ts'
import { StepSettings } from './step-settings.ts'
import { activeTable } from './tool-table.ts'

const start = { type: 'start-step' } as const
const finish = { type: 'finish-step' } as const

export class AgentRun<CONTEXT> {
  readonly messages: ModelMessage[]
  readonly ledger: Ledger
  steps = 0
  model: string | undefined
  /** Why the run ends early. A text for people. */
  reason: string | undefined
  /** The reply that is being read, or the last one. */
  readonly reply: CurrentReply

  readonly #inputs: AgentRunOptions<CONTEXT>
  readonly #context: CONTEXT
  readonly #clock: Clock
  readonly #settler: CallSettler
  readonly #callIds: CallIds
  readonly #earlier: EarlierCalls
  readonly #prompt: StepPrompt
  /** The prefix of part ids. A message that an earlier run started already has ids of that run. */
  readonly #idPrefix: string
  readonly #settings: StepSettings
  readonly #answer: AnswerCheck
  /** The finished steps, for `prepareStep`. */
  readonly #finished: PreparedStep[] = []
  /** True between the `start-step` and the `finish-step` of a step. */
  #stepOpen: boolean
  /** True while the last message is a partial reply that the model continues. */
  #isCutOff: boolean

  constructor(run: AgentRunOptions<CONTEXT>) {
    const { models, signal, options, settings } = run
    const { session, above } = options
    const { budget, sessionBudget, compaction } = settings
    const { spent: before, ...resume } = session?.resume ?? {}
    const context = contextOf(options)
    this.#inputs = run
    this.#context = context
    const { clock = systemClock } = options
    this.#clock = clock
    this.#settings = new StepSettings(settings)
    this.messages = [...run.messages]
    const { treeBudget } = session ?? {}
    const ledger = new Ledger({ budget, sessionBudget, treeBudget, before, above })
    this.ledger = ledger
    const emit: Sink = async (event) => {
      // Sub-agents spend while their tool runs.
      await this.#reportSpending()
      await run.emit(event)
    }
    this.#settler = new CallSettler(settlerOptions(run, { emit, ledger }))
    this.#callIds = new CallIds(this.messages)
    // Results of these calls may still arrive. A call without a result is settled at the end of this run.
    for (const call of resume.providerCalls ?? []) this.#callIds.addRunning(call.toolCallId, call)
    this.#prompt = new StepPrompt({
      models,
      signal,
      clock,
      telemetry: run.telemetry,
      compaction,
      session,
      context,
      settings: () => this.#settings.current,
      spend: (spending) => ledger.add(spending),
    })
    this.#earlier = new EarlierCalls({
      open: resume.openCalls ?? [],
      settler: this.#settler,
      emit: run.emit,
    })
    this.reply = new CurrentReply(ledger, run.emit)
    const isNew = this.messages.at(-1)?.role === 'user'
    this.#idPrefix = isNew ? '' : `${randomBytes(3).toString('hex')}-`
    this.#stepOpen = resume.stepOpen ?? false
    this.#isCutOff = resume.cutOff ?? false
    this.#answer = new AnswerCheck({
      schema: () => this.#settings.current.output,
      messages: this.messages,
      note: (text) => this.#prompt.note(text),
      emit: run.emit,
      inTime: (call) => this.#callback('The output schema', call),
      isContinued: this.#isCutOff,
    })
  }

  /** The final answer, if the agent has a schema for it. */
  get output(): Output | undefined {
    return this.#answer.output
  }

  get hasOutputSchema(): boolean {
    return this.#settings.current.output !== undefined
  }

  /** Whether the last message holds tool results: a client takes such a message for unfinished. */
  get endsInResults(): boolean {
    return this.messages.at(-1)?.role === 'tool'
  }

  /** Steps until the agent is done. */
  async run(): Promise<Outcome> {
    const outcome = await this.#run()
    const questions = outcome === 'waiting' ? this.#inputs.options.session?.tasks?.questions() : []
    if (questions === undefined || questions.length === 0) return outcome
    // A client posts its answers when all calls of the last step have one. So these have their own step.
    for (const event of [start, ...questions, finish]) await this.#inputs.emit(event)
    return outcome
  }

  async #run(): Promise<Outcome> {
    const { signal } = this.#inputs
    signal.throwIfAborted()
    await this.#readSpent()
    const { results, waits } = await this.#settleEarlier()
    this.messages.push(...resultMessages(results))
    signal.throwIfAborted()
    if (waits) {
      this.reply.finishReason = 'tool-calls'
      return 'waiting'
    }
    if (await this.#hasAnswer()) return 'finished'
    while (this.steps < this.#settings.current.maxSteps) {
      if (this.steps > 0) await this.#readSpent()
      const excess = this.ledger.excess()
      if (excess !== undefined) return this.#endEarly(excess)
      const outcome = await this.#step()
      if (outcome !== undefined) return outcome
      signal.throwIfAborted()
    }
    return 'max-steps'
  }

  /** Other sessions of the tree spend at the same time. */
  async #readSpent(): Promise<void> {
    const { settings, options } = this.#inputs
    const { spent, treeBudget = {} } = options.session ?? {}
    const budgets = { ...settings.sessionBudget, ...treeBudget }
    if (spent !== undefined && Object.keys(budgets).length > 0) {
      this.ledger.sessionSpent = await spent()
    }
  }

  /** Throws instead if the message would stay empty, because its reader expects an answer. */
  #endEarly({ outcome, reason }: Excess): Outcome {
    const { session } = this.#inputs.options
    if (this.steps === 0 && session?.resume.started !== true) {
      throw new LoomError('over-budget', reason)
    }
    this.reason = reason
    return outcome
  }

  async #settleEarlier(): Promise<Settlement> {
    const open = await this.#earlier.settleOpen(this.#earlierRound)
    if (open !== undefined) {
      if (this.#stepOpen || open.waits) {
        await this.#finishStep()
        return open
      }
      this.messages.push(...resultMessages(open.results))
    }
    return this.#earlier.settleDecided(this.#earlierRound)
  }

  /** After a failure or an abort: ends open calls and keeps the partial reply of the model. */
  async settle(reason: string): Promise<void> {
    await this.#earlier.fail(reason, this.#earlierRound)
    this.messages.push(...(await this.reply.fail(reason)))
    await this.#finishStep()
  }

  /** Ends the provider-executed calls that received no result. */
  async settleProviderCalls(): Promise<void> {
    const errorText = 'The provider gave no result.'
    for (const { toolCallId, dynamic } of this.#callIds.takeUnanswered()) {
      const flags = { providerExecuted: true, ...(dynamic === true && { dynamic }) }
      await this.#inputs.emit({ type: 'tool-output-error', toolCallId, errorText, ...flags })
    }
  }

  /** Ends the questions of tasks that nothing answers any more. */
  async closeQuestions(): Promise<void> {
    const { emit, options } = this.#inputs
    for (const event of options.session?.tasks?.closing() ?? []) await emit(event)
  }

  async #finishStep(): Promise<void> {
    if (!this.#stepOpen) return
    this.#stepOpen = false
    await this.#reportSpending()
    await this.#inputs.emit(finish)
  }

  /**
   * Reports the cost so far, so that another process that continues this message after a wait or a
   * crash has it. Reported before the calls of a step run, because the process may die during them.
   */
  async #reportSpending(): Promise<void> {
    const { emit, options } = this.#inputs
    const messageMetadata = options.session === undefined ? undefined : this.ledger.takeUnreported()
    if (messageMetadata === undefined) return
    await emit({ type: 'message-metadata', messageMetadata })
    await options.session?.noteSpending?.(this.ledger.own)
  }

  async #step(): Promise<Outcome | undefined> {
    const { telemetry } = this.#inputs
    this.steps++
    this.ledger.beginStep()
    const labels = { step: this.steps }
    const started = this.#clock.elapsed()
    telemetry.publish('step:start', () => [{}, labels])
    const { reply, settled } = await this.#askAndSettle().finally(() => {
      telemetry.publish('step:stop', () => [
        { durationMs: this.#clock.elapsed() - started },
        labels,
      ])
    })
    return Array.isArray(settled) ? this.#decide(reply, settled) : settled
  }

  /** From `start-step` to `finish-step`. */
  async #askAndSettle() {
    const { session } = this.#inputs.options
    if (!this.#stepOpen) await this.#inputs.emit({ type: 'start-step' })
    this.#stepOpen = true
    if (session !== undefined) this.messages.push(...(await session.moreMessages()))
    await this.#prepareStep()
    if (this.#isCutOff) this.messages.push(this.#prompt.cutOffNote())
    this.#isCutOff = false
    const { kind, reply } = await this.#ask()
    const settled =
      kind === 'whole' ? await this.#settleCalls(reply) : await this.#keepPartial(reply, kind)
    await this.#finishStep()
    return { reply, settled: kind === 'instead' ? ('finished' as const) : settled }
  }

  async #ask(): Promise<ModelReply> {
    const { agent, models, emit, signal, telemetry, options } = this.#inputs
    const { session, recovery } = options
    const settings = this.#settings.current
    const answer = await askModel({
      models,
      emit,
      signal,
      telemetry,
      clock: this.#clock,
      attempts: this.#settings.beginAttempts(),
      limits: settings.limits,
      mayReset: session?.mayReset ?? (() => Promise.resolve(recovery !== 'continue')),
      beforeStart: session?.beforeStart,
      reader: {
        tools: activeTable(settings.tools, settings.activeTools),
        prefix: `${this.#idPrefix}s${this.steps}`,
        callIds: this.#callIds,
      },
      optionsFor: async (model, facts) => {
        const messages = await this.#prompt.messagesFor(model, facts, this.messages)
        // The call for a summary may have a cost.
        await this.#reportSpending()
        return this.#prompt.optionsFor(model, facts, messages)
      },
      onOverflow: (failure) => this.#prompt.recordOverflow(failure),
      onRefusal: (failure, isLastModel) => this.#prompt.recordRefusal(failure, isLastModel),
      onError: (error) =>
        this.#callback('onError', () => agent.onError?.(error, this.#context) ?? 'stop'),
      onAttempt: (reply, model) => this.reply.begin(reply, model),
    })
    this.model = answer.model
    if (answer.kind === 'whole') this.#prompt.recordAnswer(answer.reply.usage)
    // Before the calls of the reply run: their sub-agents need the remaining budget.
    this.reply.charge(answer.reply)
    if (answer.kind !== 'cut-off') this.#settings.endAttempts()
    return answer
  }

  /** Lets the agent change the settings of this step. */
  async #prepareStep(): Promise<void> {
    const { agent } = this.#inputs
    this.#settings.beginStep(this.#answer.isRepair)
    const { prepareStep } = agent
    if (prepareStep === undefined) return
    const { models, systemPrompt } = this.#settings.current
    const { usage, cost } = this.ledger
    const info = {
      step: this.steps,
      stepNumber: this.steps - 1,
      steps: this.#finished,
      model: models[0] ?? '',
      systemPrompt,
      messages: this.messages,
      usage,
      ...(cost !== undefined && { cost }),
    }
    const returned = await this.#callback('prepareStep', () => prepareStep(info, this.#context))
    const preparation = changedFields<StepPreparation>(returned, {
      agent: agent.name,
      callback: 'prepareStep',
      fields: preparationFields,
    })
    if (preparation === undefined) return
    if (preparation.messages !== undefined) this.#replaceMessages(preparation.messages)
    this.#settings.prepare(preparation)
  }

  /** A stopped run does not wait for a callback, and no run waits for it without end. */
  #callback<RESULT>(name: string, call: () => RESULT | PromiseLike<RESULT>): Promise<RESULT> {
    const { agent, signal, settings } = this.#inputs
    const { stepMs: limitMs } = settings.limits
    return callbackResult({ name: `${name} of agent "${agent.name}"`, signal, limitMs }, call)
  }

  #replaceMessages(messages: readonly ModelMessage[]): void {
    // An agent may return the list that it received, with more messages in it.
    const copy = [...messages]
    this.messages.splice(0, this.messages.length, ...copy)
    this.#prompt.reset()
  }

  /** Keeps a reply that broke off. The model continues it unless `onError` gave a reply. */
  async #keepPartial(reply: StepReader, kind: ModelReply['kind']): Promise<undefined> {
    this.messages.push(...(await this.reply.keepPartial(reply)))
    // The result of a cut-off call already says so. No model continues a reply of reasoning alone.
    this.#isCutOff = kind === 'cut-off' && reply.text !== '' && reply.calls.length === 0
    if (this.#isCutOff) this.#answer.addPart(reply.text)
  }

  /** Whether an earlier process left a final answer that fits the output schema. */
  async #hasAnswer(): Promise<boolean> {
    const isResumed = this.#inputs.options.session?.resume.started === true
    const text = isResumed ? this.#answer.unfinished : undefined
    if (text === undefined) return false
    if (!this.#stepOpen) await this.#inputs.emit({ type: 'start-step' })
    this.#stepOpen = true
    const stands = await this.#answer.check({ text, finishReason: 'stop' }, false)
    await this.#finishStep()
    if (stands) Object.assign(this.reply, { text, finishReason: 'stop' })
    return stands
  }

  /**
   * Returns the results of the reply's calls, an outcome if the run ends here, or undefined if the model
   * must correct its answer.
   */
  async #settleCalls(reply: StepReader): Promise<ToolResultPart[] | Outcome | undefined> {
    if (reply.calls.length > 0) await this.#reportSpending()
    const { results, waits } = await this.#settler.settle(reply, this.#round)
    this.messages.push(...this.reply.keep(reply, results))
    if (waits) return 'waiting'
    if (results.length > 0) return results
    const isLast = this.steps >= this.#settings.current.maxSteps
    return (await this.#answer.check(reply, isLast)) ? 'finished' : undefined
  }

  get #round(): CallRound {
    const { tools, activeTools } = this.#settings.current
    return { ...this.#earlierRound, tools: activeTable(tools, activeTools) }
  }

  /** A call from before this run may be of a tool that is not active any more. */
  get #earlierRound(): CallRound {
    const { tools, toolConcurrency } = this.#settings.current
    return { messages: this.messages, tools, concurrency: toolConcurrency }
  }

  async #decide(reply: StepReader, results: ToolResultPart[]): Promise<Outcome | undefined> {
    const { agent } = this.#inputs
    const { steps: step, messages } = this
    const { usage, cost } = this.ledger
    const info = { step, usage, ...(cost !== undefined && { cost }), messages }
    const finished = stepOf(reply, results)
    if (agent.prepareStep !== undefined) this.#finished.push({ step, ...finished })
    const decision = await this.#callback('onStep', () =>
      agent.onStep?.({ ...info, ...finished }, this.#context),
    )
    if (decision === 'stop') return 'stopped'
    if (decision === 'continue') return undefined
    const changes = changedFields<Exclude<StepDecision, string>>(decision, {
      agent: agent.name,
      callback: 'onStep',
      fields: ['messages', 'tools', 'model'],
    })
    if (changes !== undefined) await this.#adopt(changes)
    return undefined
  }

  async #adopt(decision: Exclude<StepDecision, string>): Promise<void> {
    if (decision.messages !== undefined) this.#replaceMessages(decision.messages)
    await this.#settings.adopt(decision)
  }
}
