/** One turn of a replayed session: sends what the user sent, at the moments at which the user sent it. */
import { randomUUID } from 'node:crypto'

import type { UIMessage } from 'ai'

import type { AgentSession } from '../agent-session.ts'
import type { AgentEvent } from '../event.ts'
import { fieldOf, textField } from '../ground/fields.ts'
import type { AnswerStream } from '../session/answer-stream.ts'
import type { CallAnswer } from '../session/call-answer.ts'
import { type AnswerOfTurn, answerOf, partsOf, shortStep } from './message-steps.ts'
import type { RecordedCall, RecordedTurn } from './recorded-turn.ts'
import { type ReplayScript, stepOf } from './replay-script.ts'

/**
 * Milliseconds without an event, after which a turn that was stopped in the recording is stopped although it has not
 * come as far as it had then: an agent that does something else now may never come there.
 */
const idleMs = 3000

export interface TurnEnd {
  actual: AnswerOfTurn
  /** The failure of the turn. */
  failure: unknown
}

export class TurnReplay {
  readonly #session: AgentSession<never>
  readonly #script: ReplayScript
  readonly #turn: RecordedTurn
  #modelCalls = 0
  /** The lengths of the parts of the current step, and the number of its calls that have ended. */
  #step = { text: 0, reasoning: 0, ended: 0 }
  #stop: Promise<unknown> | undefined
  #idle: NodeJS.Timeout | undefined

  constructor(session: AgentSession<never>, script: ReplayScript, turn: RecordedTurn) {
    this.#session = session
    this.#script = script
    this.#turn = turn
  }

  /** The answer as it was recorded, without what only the script needs. */
  get expected(): AnswerOfTurn {
    const { steps, output, outcome = 'finished' } = this.#turn
    return {
      steps: steps.map((step) => {
        const { breaksOff: _, ...rest } = stepOf(step)
        return shortStep(rest)
      }),
      ...(output !== undefined && { output }),
      ...(outcome !== 'finished' && { outcome }),
    }
  }

  async run(): Promise<TurnEnd> {
    let failure: unknown
    let message: unknown
    try {
      message = await this.#messageOf(await this.#session.send(messageOf(this.#turn.user)))
      for (;;) {
        const answers = this.#answersTo(message)
        if (answers.length === 0) break
        message = await this.#messageOf(await this.#session.answer(answers))
      }
    } catch (error) {
      failure = error
      message = (await this.#session.messages()).at(-1)
    }
    const runnerOf = ({ toolCallId }: { toolCallId: string }) =>
      this.#script.hasRun(toolCallId) ? 'server' : 'client'
    return { actual: answerOf(message, runnerOf), failure }
  }

  /** The messages that steer the turn are sent while its first model call runs. */
  async noteModelCall(): Promise<void> {
    this.#modelCalls++
    if (this.#modelCalls === 1) {
      for (const message of this.#turn.steering ?? []) {
        await this.#session.cast(messageOf(message), { whenBusy: 'steer' })
      }
    }
    this.stopIfDue()
  }

  /** Stops the turn if it was stopped in the recording, and has come as far as it had then. */
  stopIfDue(): void {
    this.#idle?.refresh()
    const { steps, outcome } = this.#turn
    if (outcome !== 'aborted' || this.#stop !== undefined) return
    if (this.#modelCalls < steps.length) return
    const { text = '', reasoning = '', toolCalls = [] } = stepOf(steps.at(-1) ?? '')
    const stopped = toolCalls.filter((call) => call.stopped === true)
    const ended = toolCalls.filter(hasOutcome)
    const isThere =
      this.#step.text >= text.length &&
      this.#step.reasoning >= reasoning.length &&
      this.#step.ended >= ended.length &&
      this.#script.heldCalls() >= stopped.length
    if (isThere) this.#stopTurn()
  }

  #stopTurn(): void {
    this.#stop ??= this.#session.stop()
  }

  async #messageOf(answer: AnswerStream): Promise<unknown> {
    if (this.#turn.outcome !== 'aborted') return (await answer.reply()).message
    this.#idle = setTimeout(() => this.#stopIdle(), idleMs)
    try {
      for await (const event of answer) {
        this.#note(event)
        this.stopIfDue()
      }
    } finally {
      clearTimeout(this.#idle)
    }
    await this.#stop
    const last = (await this.#session.messages()).at(-1)
    // A turn that waits for an answer is not in the history yet.
    return last?.role === 'assistant' ? last : (await answer.reply()).message
  }

  /** Before the last model call of the recording, the turn may be slow, but it does not wait for a stop. */
  #stopIdle(): void {
    const mayWait = this.#modelCalls >= this.#turn.steps.length || this.#script.heldCalls() > 0
    if (mayWait) this.#stopTurn()
    else this.#idle?.refresh()
  }

  #note(event: AgentEvent): void {
    if (event.type === 'start-step') this.#step = { text: 0, reasoning: 0, ended: 0 }
    if (event.type === 'text-delta') this.#step.text += event.delta.length
    if (event.type === 'reasoning-delta') this.#step.reasoning += event.delta.length
    const isEnd = ['tool-output-available', 'tool-output-error', 'tool-output-denied']
    if (event.type === 'tool-input-error' || isEnd.includes(event.type)) this.#step.ended++
  }

  /** The recorded answers and decisions for the calls that wait. */
  #answersTo(message: unknown): CallAnswer[] {
    return partsOf(message).flatMap((part): CallAnswer[] => {
      const toolCallId = textField(part, 'toolCallId') ?? ''
      const call = this.#script.callOf(toolCallId)
      if (call === undefined) return []
      const { approved, reason, answerError } = call
      const approvalId = textField(fieldOf(part, 'approval'), 'id')
      const state = textField(part, 'state')
      if (state === 'approval-requested' && approved !== undefined && approvalId !== undefined) {
        return [{ approvalId, approved, ...(reason !== undefined && { reason }) }]
      }
      if (state !== 'input-available') return []
      if (answerError !== undefined) return [{ toolCallId, errorText: answerError }]
      return 'answer' in call ? [{ toolCallId, output: call.answer }] : []
    })
  }
}

/** Whether the call ended before the stop of its turn. */
const hasOutcome = (call: RecordedCall): boolean =>
  'output' in call ||
  call.error !== undefined ||
  'answer' in call ||
  call.answerError !== undefined ||
  call.refused === true ||
  call.approved === false

const messageOf = (content: RecordedTurn['user']): string | UIMessage =>
  typeof content === 'string' ? content : { id: randomUUID(), role: 'user', parts: [...content] }
