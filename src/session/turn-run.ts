/**
 * Runs one claimed turn from wherever its log stands to its commit, and gives the next letter's claim
 * if there is one. All that it says goes through the log; all that it may start, it may start only
 * while the claim is its own.
 */
import { randomUUID } from 'node:crypto'

import type { ModelMessage, UIMessage } from 'ai'

import type { Agent, TimeLimits } from '../agent.ts'
import { modelMessagesOf } from '../conversation.ts'
import { toolSetOf } from '../conversation/tool-set.ts'
import { errorMessage, LoomError } from '../error.ts'
import type { AgentEvent } from '../event.ts'
import { MessageFold } from '../message-fold.ts'
import type { ModelReference, Models } from '../model.ts'
import { run } from '../runner.ts'
import type { Resume } from '../runner/session-hooks.ts'
import type { Sink } from '../sink.ts'
import { noSpending, spendingIn, spentOn } from '../spending.ts'
import type { Store } from '../store.ts'
import type { Claim, Commit, Intents, LogEntry } from '../store/turn.ts'
import { answerEvents, isAnswer } from './answer-events.ts'
import { isLetterRequest } from './letter-request.ts'
import { LocalTail, type LocalTails } from './local-tail.ts'
import { type Recovery, recover } from './recovery.ts'
import { TurnLog } from './turn-log.ts'
import { waitingParts } from './waiting.ts'

/** A turn that was taken over so often in so short a time kills its owners. */
const takeoversMax = 3
const takeoversWithinMs = 5 * 60_000

export interface TurnWorld {
  store: Store
  tails: LocalTails
  instance: string
  agentOf: (name: string) => Agent | undefined
  models: Models
  defaultModel: ModelReference
  limits: TimeLimits
  flushMs: number
  patienceMs: number
  logTtlMs: number
  /** Awaited before each model call and each tool call: rejects when the claim may be another's. */
  mayStart: (claim: Claim) => Promise<void>
  report: (error: unknown) => void
}

/** How a turn is told to end from outside. */
export type TurnEnd = 'stop' | 'discard' | 'hand-over' | 'lost'

export class TurnRun {
  readonly claim: Claim
  readonly #world: TurnWorld
  readonly #controller = new AbortController()
  readonly #log: TurnLog
  readonly #tail: LocalTail
  #fold: MessageFold
  #end: TurnEnd | undefined
  #steer = false

  constructor(claim: Claim, world: TurnWorld) {
    this.claim = claim
    this.#world = world
    this.#tail = new LocalTail(claim.lastId)
    this.#fold = new MessageFold({ id: claim.logId, role: 'assistant', parts: [] })
    const { sessionId, logId, lastId } = claim
    world.tails.set(sessionId, { logId, tail: this.#tail })
    this.#log = new TurnLog({
      store: world.store,
      at: { sessionId, logId, lastId, claim: claim.claim },
      tail: this.#tail,
      flushMs: world.flushMs,
      patienceMs: world.patienceMs,
      onIntents: (intents) => this.#obey(intents),
      onLost: () => this.end('lost'),
    })
    this.#obey({ steer: false, ...(claim.stop !== undefined && { stop: claim.stop }) })
  }

  isCommitted = false

  get wasHandedOver(): boolean {
    return this.#end === 'hand-over'
  }

  /** Ends the turn early. The first reason counts. */
  end(reason: TurnEnd): void {
    if (this.#end !== undefined) return
    this.#end = reason
    if (reason === 'hand-over' || reason === 'lost') void this.#log.detach()
    this.#controller.abort(new LoomError('aborted', `The turn ends: ${reason}.`))
  }

  /** Runs to the commit. The next claim of this session, if its mailbox has a letter. */
  async run(): Promise<Claim | undefined> {
    const { store, tails } = this.#world
    const { sessionId } = this.claim
    let unwatch: (() => void) | undefined
    try {
      unwatch = await store.watch(sessionId, 'intents', () => void this.#look())
      const commit = await this.#perform()
      if (this.#isGone()) return undefined
      await this.#log.flush()
      return await this.#finish(commit)
    } catch (error) {
      if (!this.#isGone()) this.#world.report(error)
      return undefined
    } finally {
      unwatch?.()
      this.#tail.end()
      if (tails.get(sessionId)?.tail === this.#tail) tails.delete(sessionId)
    }
  }

  /** Something was asked of the turn: reads what. */
  async #look(): Promise<void> {
    // Perhaps a letter: the next step asks.
    this.#steer = true
    const session = await this.#world.store.session(this.claim.sessionId).catch(() => undefined)
    const turn = session?.turn
    if (turn === undefined) return
    if (turn.claim !== this.claim.claim) this.end('lost')
    else this.#obey({ steer: false, ...(turn.stop !== undefined && { stop: turn.stop }) })
  }

  #isGone(): boolean {
    return this.#end === 'lost' || this.#end === 'hand-over'
  }

  #obey(intents: Intents): void {
    if (intents.steer) this.#steer = true
    if (intents.stop !== undefined) this.end(intents.stop === 'discard' ? 'discard' : 'stop')
  }

  readonly #sink: Sink = (event) => {
    this.#fold.add(event)
    return this.#log.sink(event)
  }

  async #emit(events: readonly AgentEvent[]): Promise<void> {
    for (const event of events) await this.#sink(event)
  }

  /** Everything between the claim and the commit. */
  async #perform(): Promise<Commit> {
    const { claim } = this
    if (claim.abandoned !== undefined) await this.#settleAbandoned(claim.abandoned)
    if (!claim.resumed) return this.#answer({})
    const entries = await this.#entries(claim.logId)
    const recovery = recover(claim.logId, entries, claim.floor === 'v7')
    this.#fold = recovery.fold
    return claim.letter.kind === 'answer' && recovery.finished !== undefined
      ? this.#goOn(claim.letter.answer)
      : this.#recover(recovery)
  }

  // A message that waited

  /** Tells the log what a client or a human said; goes on once nothing is waited for any more. */
  async #goOn(answer: unknown): Promise<Commit> {
    const { message } = this.#fold
    const answers = Array.isArray(answer) ? answer.filter(isAnswer) : []
    const events = answers.flatMap((one) => answerEvents(message, one))
    await this.#emit([{ type: 'start', messageId: message.id }, ...events])
    if (waitingParts(message).length > 0) {
      await this.#emit([{ type: 'finish', finishReason: 'tool-calls' }])
      return this.#commit('waiting')
    }
    return this.#answer({ started: true })
  }

  /** A new message came while another waited: nobody will answer that one any more. */
  async #settleAbandoned(logId: string): Promise<void> {
    const { store, logTtlMs } = this.#world
    const { sessionId, claim } = this.claim
    const { fold } = recover(logId, await this.#entries(logId), false)
    for (const part of waitingParts(fold.message)) {
      const toolCallId = String(part['toolCallId'])
      fold.add({ type: 'tool-output-error', toolCallId, errorText: 'Not answered.' })
    }
    const at = { sessionId, claim, logId, nonce: randomUUID() }
    const commit = {
      message: storedMessage(fold),
      logTtlMs,
      spent: spendingIn(fold.message.metadata),
    }
    if ((await store.settleAbandoned(at, commit)) === 'lost') this.end('lost')
  }

  // A turn whose owner is gone

  async #recover(recovery: Recovery): Promise<Commit> {
    const { finished, error, started, events, stepOpen, openCalls, cutOff } = recovery
    if (finished !== undefined) {
      const waits = waitingParts(this.#fold.message).length > 0
      return this.#commit(waits ? 'waiting' : 'idle', error)
    }
    if (this.#isPoisoned(recovery.progressAt)) return this.#giveUp(recovery)
    await this.#emit(events)
    return this.#answer({ started, stepOpen, openCalls, cutOff })
  }

  /** @param progressAt the claim under which a step was last finished */
  #isPoisoned(progressAt: number): boolean {
    const { takeovers, claim } = this.claim
    const vain = takeovers.filter((at) => at > progressAt && claim - at < takeoversWithinMs)
    return vain.length >= takeoversMax
  }

  async #giveUp({ started, events, stepOpen, openCalls }: Recovery): Promise<Commit> {
    const errorText = 'This turn ended every server that ran it, and was given up.'
    if (!started) await this.#emit([{ type: 'start', messageId: this.claim.logId }])
    await this.#emit(events)
    await this.#emit([
      ...openCalls.map(({ toolCallId }): AgentEvent => ({
        type: 'tool-output-error',
        toolCallId,
        errorText,
      })),
      ...(stepOpen ? [{ type: 'finish-step' } as const] : []),
      { type: 'error', errorText },
      { type: 'finish', finishReason: 'error' },
    ])
    return this.#commit('idle', errorText)
  }

  // The run itself

  async #answer(resume: Resume): Promise<Commit> {
    const { letter, sessionId, logId } = this.claim
    const { models, store, defaultModel, limits, mayStart } = this.#world
    const agent = isLetterRequest(letter.request)
      ? this.#world.agentOf(letter.request.agent)
      : undefined
    if (agent === undefined || !isLetterRequest(letter.request)) {
      return this.#fail(
        new LoomError('unknown-agent', 'The agent of this turn is not on this server.'),
      )
    }
    try {
      const history = await store.messages(sessionId)
      const partial = this.#fold.message.parts.length === 0 ? [] : [storedMessage(this.#fold)]
      const result = await run(agent, await this.#modelMessages([...history, ...partial], agent), {
        models,
        defaultModel,
        limits,
        context: letter.request.context ?? {},
        signal: this.#controller.signal,
        sink: this.#sink,
        messageId: logId,
        approvals: letter.request.approvals ?? true,
        session: {
          id: sessionId,
          resume: { ...resume, spent: spentOn(this.#fold.message.metadata) },
          spent: async () => (await store.session(sessionId))?.spent ?? noSpending,
          beforeStart: () => mayStart(this.claim),
          moreMessages: () => this.#steered(),
          mayReset: () => this.#mayReset(),
        },
      })
      return this.#commit(result.outcome === 'waiting' ? 'waiting' : 'idle')
    } catch (error) {
      if (this.#isGone()) throw error
      if (this.#end !== undefined) return this.#commit('idle')
      return this.#fail(error)
    }
  }

  /** What was steered to this turn while it ran, for its next step. */
  async #steered(): Promise<ModelMessage[]> {
    // The log's answer to what was said last tells of every letter that came before it.
    await this.#log.flush()
    if (!this.#steer) return []
    this.#steer = false
    const { sessionId, claim } = this.claim
    const letters = await this.#world.store.takeSteered({ sessionId, claim, nonce: randomUUID() })
    if (letters === 'lost') {
      this.end('lost')
      return []
    }
    return modelMessagesOf(letters.flatMap(({ message }) => message ?? []))
  }

  async #mayReset(): Promise<boolean> {
    const { sessionId } = this.claim
    const session = await this.#world.store.session(sessionId).catch(() => undefined)
    return session?.turn?.floor === 'v7'
  }

  async #modelMessages(messages: readonly UIMessage[], agent: Agent): Promise<ModelMessage[]> {
    const { letter } = this.claim
    const context = isLetterRequest(letter.request) ? (letter.request.context ?? {}) : {}
    return modelMessagesOf(messages, async () => {
      const { tools = [] } = agent
      return toolSetOf(typeof tools === 'function' ? await tools(context) : tools)
    })
  }

  /** `run` tells of its failures itself, once it has begun. */
  async #fail(error: unknown): Promise<Commit> {
    const errorText = this.#world.models.redact(errorMessage(error))
    const told = error instanceof LoomError && error.result !== undefined
    if (!told) {
      await this.#emit([
        { type: 'start', messageId: this.claim.logId },
        { type: 'error', errorText },
        { type: 'finish', finishReason: 'error' },
      ])
    }
    this.#world.report(error)
    return this.#commit('idle', errorText)
  }

  #commit(state: Commit['state'], error?: string): Commit {
    const said = this.#fold.message.parts.length > 0
    const discard = this.#end === 'discard'
    return {
      state,
      logTtlMs: this.#world.logTtlMs,
      spent: spendingIn(this.#fold.message.metadata),
      ...(said && !discard && { message: storedMessage(this.#fold) }),
      ...(error !== undefined && { error }),
      ...(discard && { discard }),
    }
  }

  async #finish(commit: Commit): Promise<Claim | undefined> {
    const { store, instance } = this.#world
    const { sessionId, claim, logId } = this.claim
    const at = { sessionId, claim, logId, instance, nonce: randomUUID() }
    const reply = await store.finish(at, commit)
    this.isCommitted = true
    return reply.status === 'done' ? reply.next : undefined
  }

  async #entries(logId: string): Promise<LogEntry[]> {
    const { store } = this.#world
    const entries: LogEntry[] = []
    for (;;) {
      const page = await store.readLog(this.claim.sessionId, logId, entries.at(-1)?.id, 1000)
      if (page === undefined || page.entries.length === 0) return entries
      entries.push(...page.entries)
    }
  }
}

/** The fold's message is a `UIMessage` by the test that holds it equal to the AI SDK's own. */
function storedMessage(fold: MessageFold): UIMessage
function storedMessage(fold: MessageFold): unknown {
  return fold.message
}
