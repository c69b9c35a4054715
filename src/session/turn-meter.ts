/** The counts of turns and spending by principal, for limits that all instances share. */
import type { Spending } from '../spending.ts'
import type { Claim } from '../store/turn.ts'
import { namesOf } from './tenant-ids.ts'

/** Counts the turns and the spending of principals. */
export interface TurnMeter {
  /**
   * Reserves a turn for a new message. Resolves with the function that ends the reservation.
   * @throws LoomError `limited`
   */
  reserve(sender: Sender): Promise<() => void>
  /** Counts a turn that runs. Returns the function that ends it. */
  begin(sender: Sender): () => void
  /** Adds the tokens and the cost of a finished message. */
  spend(sender: Sender, spending: Spending): void
}

/** The principal that sent a message. */
export interface Sender {
  /** The tenant; '' without authentication. */
  tenant: string
  /** The user of the tenant. Absent if the principal acts for the whole tenant. */
  subject?: string
}

/** The sender of the letter that a turn answers. */
export function senderOf({ sessionId, letter }: Pick<Claim, 'sessionId' | 'letter'>): Sender {
  const { subject } = letter.request
  return { tenant: namesOf(sessionId).tenant, ...(subject !== undefined && { subject }) }
}
