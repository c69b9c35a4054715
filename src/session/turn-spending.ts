/** The spending of a turn in the sum of its tree. The sum needs it before the commit only if there are tasks. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import type { SessionHooks } from '../runner/session-hooks.ts'
import type { Spending } from '../spending.ts'
import type { SessionRecord } from '../store/session.ts'
import { isTaskId } from '../store/task.ts'
import type { RunningTurn } from './turn-world.ts'

export class TurnSpending {
  readonly #turn: RunningTurn
  /** Whether the session is a task, or had tasks before this turn. */
  readonly #isOfTree: boolean
  #spent: Spending | undefined
  #stored: Spending | undefined
  /** The write of `#stored`. Each task of a step waits for it. */
  #write: Promise<void> = Promise.resolve()

  constructor(turn: RunningTurn, session: SessionRecord | undefined) {
    this.#turn = turn
    this.#isOfTree = isTaskId(turn.claim.sessionId) || session?.hasTasks === true
  }

  /** Notes the spending of the message, without its tasks. */
  readonly note = async (spent: Spending): Promise<void> => {
    if (isSame(spent, this.#spent)) return
    this.#spent = spent
    if (this.#isOfTree || this.#turn.hasTasks) await this.store()
  }

  /** Stores what was noted, because the first task of the session begins. */
  store(): Promise<void> {
    const spent = this.#spent
    if (spent === undefined || spent === this.#stored) return this.#write
    this.#stored = spent
    const { claim, world } = this.#turn
    this.#write = world.store.noteSpending(claim, spent)
    return this.#write
  }
}

const isSame = (one: Spending, other: Spending | undefined): boolean =>
  one.usage.totalTokens === other?.usage.totalTokens && one.usd === other.usd

/** The budget of the root's agent counts for all sessions of the tree. */
export async function treeBudgetOf(
  { sessionBudget }: Agent,
  context: JSONObject,
): Promise<Pick<SessionHooks, 'treeBudget'>> {
  const budget = typeof sessionBudget === 'function' ? await sessionBudget(context) : sessionBudget
  return budget === undefined ? {} : { treeBudget: budget }
}
