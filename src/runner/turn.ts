/**
 * One run of an agent, step by step: ask the model, settle its tool calls, decide whether to go on.
 * It holds what the run has said and spent; how it ends is `runner.ts`'s business.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelMessage, ToolContent } from 'ai'

import type { Agent, ErrorDecision, StepDecision } from '../agent.ts'
import { compact } from '../compaction.ts'
import type { LoomError } from '../error.ts'
import type { FinishReason } from '../event.ts'
import type { Models } from '../model.ts'
import { toPrompt } from '../prompt.ts'
import type { Outcome, RunOptions, RunResult } from '../runner.ts'
import type { Sink } from '../sink.ts'
import { publish } from '../telemetry.ts'
import { addUsage, noUsage, type Usage } from '../usage.ts'
import { askModel, type Answer } from './ask-model.ts'
import { Attempts } from './attempts.ts'
import { callIds } from './call-ids.ts'
import { type CallRound, CallSettler, type CallSettlerOptions } from './call-settler.ts'
import { contextOf } from './context.ts'
import type { Settings } from './settings.ts'
import type { StepReader } from './step-reader.ts'
import { failed, ofCall, type ToolOutcome } from './tool-calls.ts'
import { toolTable } from './tool-table.ts'

/** Tells a model whose reply broke off how to go on, where the partial reply could not be withdrawn. */
const cutOffNote =
  'Your reply was cut off there by a broken connection. Go on exactly where it stopped, without repeating any of it.'

export interface TurnOptions<CONTEXT> {
  agent: Agent<CONTEXT>
  settings: Settings
  messages: ModelMessage[]
  models: Models
  emit: Sink
  signal: AbortSignal
  options: RunOptions<CONTEXT>
  /** Runs a sub-agent. */
  runBelow: (
    agent: Agent,
    messages: string | readonly ModelMessage[],
    options: { sink?: Sink; signal: AbortSignal },
  ) => Promise<RunResult>
}

export class Turn<CONTEXT> {
  readonly messages: ModelMessage[]
  steps = 0
  usage: Usage = noUsage
  text = ''
  model: string | undefined
  finishReason: FinishReason = 'other'
  /** When the first word, thought or call came; milliseconds on the monotonic clock. */
  firstContentAt: number | undefined
  /** True while a step is open: it has had its `start-step` and not its `finish-step`. */
  stepOpen = false

  readonly #with: TurnOptions<CONTEXT>
  readonly #settler: CallSettler
  readonly #claimCallId: (id: string) => string
  /** Steps of this message that earlier runs made: part ids go on from there. */
  readonly #stepsBefore: number
  readonly #context: CONTEXT
  #settings: Settings
  #attempts: Attempts
  /** The reply that is being read or whose calls are being run. */
  #reply: StepReader | undefined

  constructor(options: TurnOptions<CONTEXT>) {
    this.#with = options
    this.#context = contextOf(options.options)
    this.#settings = options.settings
    this.messages = [...options.messages]
    this.#settler = new CallSettler(this.#settlerOptions())
    this.#claimCallId = callIds(this.messages)
    this.#attempts = new Attempts(this.#settings.models, this.#settings.retry)
    const lastUser = this.messages.findLastIndex(({ role }) => role === 'user')
    const own = this.messages.slice(lastUser + 1).filter(({ role }) => role === 'assistant')
    this.#stepsBefore = own.length
  }

  #settlerOptions(): CallSettlerOptions {
    const { agent, models, emit, signal, options, runBelow } = this.#with
    return {
      emit,
      signal,
      context: this.#context,
      approvalSecret: agent.approvalSecret,
      approvals: options.approvals !== false,
      redact: (text) => models.redact(text),
      contextOf: (call, callSignal) => ({
        context: this.#context,
        idempotencyKey: `${options.messageId ?? agent.name}:${call.toolCallId}`,
        agent: agent.name,
        depth: options.depth ?? 0,
        run: async (below, messages, belowOptions) => {
          const result = await runBelow(below, messages, { ...belowOptions, signal: callSignal })
          this.usage = addUsage(this.usage, result.usage)
          return result
        },
      }),
    }
  }

  /** Steps until the agent is done. */
  async run(): Promise<Outcome> {
    this.#pushResults(await this.#settler.settleDecided(this.#round))
    while (this.steps < this.#settings.maxSteps) {
      this.#with.signal.throwIfAborted()
      const outcome = await this.#step()
      if (outcome !== undefined) return outcome
    }
    return 'max-steps'
  }

  /** After a failure or an abort: ends what is open and keeps what was said. */
  async settle(reason: string): Promise<void> {
    const reply = this.#reply
    if (reply !== undefined) {
      await reply.close()
      const open = reply.calls.filter(({ refusal }) => refusal === undefined)
      for (const call of open) {
        await this.#with.emit({ type: 'tool-output-error', errorText: reason, ...ofCall(call) })
      }
      this.#keep(
        reply,
        reply.calls.map((call) => failed(call, call.refusal ?? reason)),
      )
    }
    await this.#finishStep()
  }

  async #finishStep(): Promise<void> {
    if (!this.stepOpen) return
    this.stepOpen = false
    await this.#with.emit({ type: 'finish-step' })
  }

  async #step(): Promise<Outcome | undefined> {
    const { agent, emit } = this.#with
    this.steps++
    const labels = { agent: agent.name, step: this.steps }
    const started = performance.now()
    publish('step:start', {}, labels)
    this.stepOpen = true
    await emit({ type: 'start-step' })
    const answer = await this.#ask()
    const outcome = answer.cutOff ? this.#goOn(answer.reply) : await this.#settleCalls(answer.reply)
    await this.#finishStep()
    publish('step:stop', { durationMs: performance.now() - started }, labels)
    if (outcome !== 'tools-ran') return outcome
    this.#with.signal.throwIfAborted()
    return this.#decide(answer.reply)
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
      recovery: options.recovery ?? 'reset',
      reader: {
        tools: this.#settings.tools,
        prefix: `s${this.#stepsBefore + this.steps}`,
        claimCallId: this.#claimCallId,
      },
      optionsFor: (model) => this.#callOptions(model),
      onError: async (error: LoomError): Promise<ErrorDecision> =>
        (await agent.onError?.(error, this.#context)) ?? 'stop',
      onAttempt: (reply) => {
        this.#noteFirstContent()
        this.#reply = reply
      },
    })
    this.#noteFirstContent()
    this.model = answer.model
    if (!answer.cutOff) this.#attempts = new Attempts(this.#settings.models, this.#settings.retry)
    return answer
  }

  #noteFirstContent(): void {
    this.firstContentAt ??= this.#reply?.firstContentAt
  }

  #callOptions(model: LanguageModelV4): Omit<LanguageModelV4CallOptions, 'abortSignal'> {
    const { systemPrompt, tools, temperature, maxOutputTokens, extraBody } = this.#settings
    const offers = [...tools.values()].map((tool) => tool.offer(this.#context))
    const provider = model.provider.split('.')[0] ?? model.provider
    return {
      prompt: toPrompt(this.#compacted(), systemPrompt),
      temperature,
      ...(offers.length > 0 && { tools: offers }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
      // Loom's models read the first; other people's merge what stands under their own name.
      ...(Object.keys(extraBody).length > 0 && {
        providerOptions: { loom: { extraBody }, [provider]: extraBody },
      }),
    }
  }

  #compacted(): readonly ModelMessage[] {
    const compaction = compact(this.messages, this.#settings.contextWindow)
    if (compaction === undefined) return this.messages
    const { tokensBefore, tokensAfter, removed, kept } = compaction
    publish('context:compact', { tokensBefore, tokensAfter }, { removed, kept })
    return compaction.messages
  }

  /** Keeps a reply that broke off and asks the model to go on from it. */
  #goOn(reply: StepReader): undefined {
    this.#keep(reply, [])
    this.messages.push({ role: 'user', content: cutOffNote })
  }

  // Tool calls

  async #settleCalls(reply: StepReader): Promise<Outcome | 'tools-ran'> {
    const { outcomes, waits } = await this.#settler.settle(reply, this.#round)
    this.#keep(reply, outcomes)
    if (waits) return 'waiting'
    return outcomes.length > 0 ? 'tools-ran' : 'finished'
  }

  get #round(): CallRound {
    const { tools, toolConcurrency } = this.#settings
    return { messages: this.messages, tools, concurrency: toolConcurrency }
  }

  /** The reply and the results of its calls become messages. */
  #keep(reply: StepReader, outcomes: readonly ToolOutcome[]): void {
    this.#reply = undefined
    this.#noteReply(reply)
    if (reply.content.length > 0) {
      this.messages.push({ role: 'assistant', content: reply.content })
    }
    this.#pushResults(outcomes.map(({ part }) => part))
  }

  #noteReply(reply: StepReader): void {
    this.firstContentAt ??= reply.firstContentAt
    this.usage = addUsage(this.usage, reply.usage)
    this.text = reply.text
    this.finishReason = reply.finishReason ?? 'other'
  }

  #pushResults(content: ToolContent): void {
    if (content.length > 0) this.messages.push({ role: 'tool', content })
  }

  // What next

  async #decide(reply: StepReader): Promise<Outcome | undefined> {
    const { agent } = this.#with
    const decision = await agent.onStep?.(this.#stepInfo(reply), this.#context)
    if (decision === 'stop') return 'stopped'
    if (typeof decision === 'object') await this.#adopt(decision)
    return undefined
  }

  #stepInfo(reply: StepReader) {
    const results = this.messages.at(-1)
    const parts = results?.role === 'tool' ? results.content : []
    return {
      step: this.steps,
      text: reply.text,
      toolCalls: reply.calls.map(({ toolCallId, toolName, input }) => ({
        toolCallId,
        toolName,
        input,
      })),
      toolResults: parts.flatMap((part) =>
        part.type === 'tool-result'
          ? [
              {
                toolCallId: part.toolCallId,
                toolName: part.toolName,
                output: 'value' in part.output ? part.output.value : null,
                isError: part.output.type.startsWith('error'),
              },
            ]
          : [],
      ),
      usage: this.usage,
      messages: this.messages,
    }
  }

  async #adopt(decision: Exclude<StepDecision, string>): Promise<void> {
    const { messages, tools, model } = decision
    if (messages !== undefined) this.messages.splice(0, this.messages.length, ...messages)
    this.#settings = {
      ...this.#settings,
      ...(tools !== undefined && { tools: await toolTable(tools) }),
      ...(model !== undefined && { models: [model] }),
    }
    this.#attempts = new Attempts(this.#settings.models, this.#settings.retry)
  }
}
