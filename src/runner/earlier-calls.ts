/**
 * Tool calls from before this run: those that a human decided on, and those whose process died before
 * they had an outcome.
 */
import type { Sink } from '../sink.ts'
import type { CallRound, CallSettler, Settlement } from './call-settler.ts'
import { pendingCalls } from './pending.ts'
import type { OpenCall } from './session-hooks.ts'
import { ofCall } from './tool-calls.ts'

export interface EarlierCallsOptions {
  /** Calls of a process that died. */
  open: readonly OpenCall[]
  settler: CallSettler
  emit: Sink
}

export class EarlierCalls {
  readonly #settler: CallSettler
  readonly #emit: Sink
  #open: readonly OpenCall[]
  /** False until the decided calls start to run. */
  #areDecidedBegun = false

  constructor({ open, settler, emit }: EarlierCallsOptions) {
    this.#open = open
    this.#settler = settler
    this.#emit = emit
  }

  /** Gives the calls of the dead process an outcome. Undefined if there are none. */
  async settleOpen(round: CallRound): Promise<Settlement | undefined> {
    if (this.#open.length === 0) return undefined
    const settlement = await this.#settler.settleOpen(this.#open, round)
    this.#open = []
    return settlement
  }

  /** Runs or refuses the calls that a human decided on. */
  settleDecided(round: CallRound): Promise<Settlement> {
    this.#areDecidedBegun = true
    return this.#settler.settleDecided(round)
  }

  /** Reports an outcome for every call without one: a denial for a denied call, an error for any other. */
  async fail(errorText: string, round: CallRound): Promise<void> {
    for (const call of this.#open) {
      await this.#emit({ type: 'tool-output-error', errorText, ...ofCall(call) })
    }
    for (const { approved, ...call } of this.#decidedIn(round)) {
      await this.#emit(
        approved
          ? { type: 'tool-output-error', errorText, ...ofCall(call) }
          : { type: 'tool-output-denied', ...ofCall(call) },
      )
    }
  }

  #decidedIn({ messages, tools }: CallRound) {
    if (this.#areDecidedBegun || this.#open.length > 0) return []
    return pendingCalls(messages).decided.map(({ toolCallId, toolName, approved }) => ({
      toolCallId,
      approved,
      dynamic: tools.get(toolName)?.dynamic ?? true,
    }))
  }
}
