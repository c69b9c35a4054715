/**
 * One call of a tool that is an agent. It posts a letter and reads the log of the answer to its end. If the answer waits
 * for a human, the client gets the questions: as the result of its request (`input_required`), or in the middle of the
 * request, as its revision of the protocol asks.
 */
import {
  type CallToolResult,
  inputRequired,
  type InputRequiredResult,
} from '@modelcontextprotocol/server'

import type { LoomError } from '../ground/error.ts'
import { failureIn } from '../session/answer-failure.ts'
import { openCall } from '../session/awaited-calls.ts'
import { pendingParts } from '../session/pending-parts.ts'
import { noSession } from '../session/receipt.ts'
import type { OpenCall } from '../session/session-info.ts'
import { storedId } from '../session/tenant-ids.ts'
import { answerGone } from '../session/whole-answer.ts'
import type { LogEntry } from '../store/log.ts'
import type { SessionRecord } from '../store/session.ts'
import { type CallPlace, placeText } from './call-place.ts'
import { CallProgress } from './call-progress.ts'
import { answerResult, failedResult, stoppedResult, waitingResult } from './call-result.ts'
import type { McpHost } from './host.ts'
import { formOf, keyOf } from './questions.ts'

/** How a call reaches its client before its result. */
export interface CallChannel {
  /** Aborted if the client cancels the request. The turn then stops. */
  cancelled: AbortSignal
  /** Aborted if the client is gone. The turn goes on, because the client can come back. Absent if it cannot. */
  gone?: AbortSignal | undefined
  /** Whether the client can show a form to a human. */
  canAsk: boolean
  /** Whether the tool has an output schema. */
  isStructured: boolean
  /** Sends a progress notification. Absent if the client did not ask for any. */
  progress?: ((progress: { progress: number; message: string }) => void | Promise<void>) | undefined
  /** Sends questions in the middle of the request. Absent if they are the result of the request. */
  ask?: ((calls: readonly OpenCall[], place: CallPlace) => void | Promise<void>) | undefined
  /** Takes back questions that have an answer already. */
  withdraw?: (ids: readonly string[], place: CallPlace) => void | Promise<void>
}

export type ToolCallResult = CallToolResult | InputRequiredResult

/** A call at a place in the log of its answer. */
export class ToolCall {
  readonly #host: McpHost
  readonly #channel: CallChannel
  readonly #sessionId: string
  readonly #place: CallPlace
  readonly #isPosted: boolean
  readonly #signal: AbortSignal
  readonly #progress: CallProgress | undefined
  #failure: LoomError | undefined
  #isStopped = false

  /** @param isPosted whether the cancellation of the call stops the turn */
  constructor(
    host: McpHost,
    { place, isPosted, channel }: { place: CallPlace; isPosted: boolean; channel: CallChannel },
  ) {
    this.#host = host
    this.#channel = channel
    this.#sessionId = storedId(host.principal.tenant, place.session)
    this.#place = place
    this.#isPosted = isPosted
    const { cancelled, gone } = channel
    this.#signal = gone === undefined ? cancelled : AbortSignal.any([cancelled, gone])
    const { progress } = channel
    if (progress !== undefined) {
      this.#progress = new CallProgress((message) => {
        place.progress += 1
        return progress({ progress: place.progress, message })
      })
    }
  }

  /** @throws LoomError; the reason of a signal */
  async result(): Promise<ToolCallResult> {
    try {
      return await this.#read()
    } catch (error) {
      if (this.#channel.cancelled.aborted) await this.#stop()
      throw error
    } finally {
      this.#progress?.end()
    }
  }

  async #read(): Promise<ToolCallResult> {
    const { loom, findSession } = this.#host
    const { sessions } = loom
    const place = this.#place
    await this.#depart()
    for (;;) {
      const { logId, after } = place
      const sessionId = this.#sessionId
      const end = await sessions.readers.follow({
        sessionId,
        logId,
        after,
        // The result has only the text of the stored message, so a cut reply may be withdrawn.
        floor: 'v7',
        signal: this.#signal,
        deliver: this.#deliver,
      })
      // The session may have been deleted, or is not shared with the principal any more.
      const session = await findSession(place.session, 'reader')
      if (session === undefined) throw noSession()
      const isCurrent = session.turn?.logId === logId
      if (isCurrent && end !== 'gone') {
        // Another client answered meanwhile.
        if (session.state === 'running') continue
        if (session.state === 'waiting') {
          const waited = await this.#wait(session)
          if (waited === undefined) continue
          return waited
        }
      }
      return this.#answer(session, isCurrent)
    }
  }

  /** Waits until the turn of a letter in the queue has begun. */
  async #depart(): Promise<void> {
    const place = this.#place
    const { letterId, logId } = place
    if (letterId === undefined) return
    const letter = { letterId, logId, answers: [] }
    const { readers } = this.#host.loom.sessions
    const start = await readers.placeOfLetter(this.#sessionId, letter, this.#signal)
    Object.assign(place, start)
    delete place.letterId
  }

  readonly #deliver = ({ id, events }: LogEntry): void | Promise<void> => {
    const place = this.#place
    const own = place.skip === undefined || place.skip === 0 ? events : events.slice(place.skip)
    place.skip = 0
    place.after = id
    for (const event of own) {
      if (event.type === 'error') this.#failure = failureIn(event)
      else if (event.type === 'abort') this.#isStopped = true
      else if (event.type === 'start-step') this.#isStopped = false
    }
    return this.#progress?.note(own)
  }

  /** Returns the result of a call that waits. Undefined if the answer goes on. */
  async #wait(session: SessionRecord): Promise<ToolCallResult | undefined> {
    const { sessions } = this.#host.loom
    const place = this.#place
    const channel = this.#channel
    const open = pendingParts(await sessions.partialAnswer(session.id, place.logId)).map(openCall)
    const ids = open.map(keyOf)
    if (!channel.canAsk) return waitingResult(open, this.#resultOf, channel)
    const fresh = open.filter((call) => !place.asked.includes(keyOf(call)))
    if (channel.ask === undefined) {
      // The human gave no answer when asked, and would be asked without end.
      if (fresh.length === 0) return waitingResult(open, this.#resultOf, channel)
      place.asked = ids
      return inputRequired({
        inputRequests: Object.fromEntries(
          fresh.map((call) => [keyOf(call), inputRequired.elicit(formOf(call))]),
        ),
        requestState: placeText(place),
      })
    }
    const settled = place.asked.filter((id) => !ids.includes(id))
    place.asked = ids
    if (settled.length > 0) await channel.withdraw?.(settled, place)
    if (fresh.length > 0) await channel.ask(fresh, place)
    const readTo = { logId: place.logId, after: place.after }
    await sessions.readers.next(session.id, readTo, {
      signal: this.#signal,
      createdAt: session.createdAt,
      onIdle: (now) => now?.state !== 'waiting' || now.turn?.logId !== place.logId,
    })
    return undefined
  }

  async #answer(session: SessionRecord, isCurrent: boolean): Promise<CallToolResult> {
    const { sessions } = this.#host.loom
    const { logId, asked } = this.#place
    if (asked.length > 0) await this.#channel.withdraw?.(asked, this.#place)
    const of = this.#resultOf
    if (this.#failure !== undefined) return failedResult(this.#failure.message, of)
    const message = await sessions.answerOf(session.id, logId)
    if (message === undefined) throw answerGone()
    if (this.#isStopped) return stoppedResult(message, of)
    // The log of an earlier answer may have expired.
    if (isCurrent && session.error !== undefined && this.#place.after === undefined) {
      return failedResult(session.error, of)
    }
    return answerResult(message, of, this.#channel)
  }

  get #resultOf() {
    const { session, logId } = this.#place
    return { session, messageId: logId }
  }

  /** The client does not wait for the answer any more. An instance that shuts down hands the turn over. */
  async #stop(): Promise<void> {
    const { loom, audit, isLeaving } = this.#host
    if (!this.#isPosted || isLeaving()) return
    const { letterId, logId } = this.#place
    const tenant = this.#host.principal.tenant
    const sessionId = this.#sessionId
    const { stopped, withdrawn } = await loom.sessions.stopMessage(sessionId, tenant, {
      messageId: letterId ?? logId,
      queue: 'run',
    })
    if (stopped || withdrawn) await audit({ action: 'stop', sessionId })
  }
}
