/** The public form of a session and of its queue, over HTTP and in code. */
import { type Cost, costFields } from '../spending.ts'
import type { Letter } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Usage } from '../usage.ts'
import { publicId } from './tenant-ids.ts'

/**
 * A session as `AgentSession.info` and `Loom.listSessions` return it, and `GET /api/chat/:id` over HTTP.
 * @example
 * ```ts
 * import { defineAgent, Loom, type SessionInfo } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const isBusy = ({ state, queued }: SessionInfo) => state === 'running' || queued > 0
 * const { sessions } = await new Loom({ agents: [agent] }).listSessions()
 * const busy = sessions.filter(isBusy)
 * ```
 */
export interface SessionInfo extends Omit<SessionRecord, 'tenant' | 'spent'> {
  /**
   * The sum over all finished messages. `cost` is in US dollars, and absent if it is not known. Absent before
   * the first answer, and in a new fork.
   */
  spent?: {
    /** The tokens of all finished messages. */
    usage: Usage
    /** The cost of all finished messages. Absent if it is unknown. */
    cost?: Cost
  }
}

/** Removes the tenant from a record, and writes its spending in the form that messages have. */
export const sessionInfo = ({ tenant, spent, ...session }: SessionRecord): SessionInfo => ({
  ...session,
  id: publicId(tenant, session.id),
  ...(spent !== undefined && { spent: { usage: spent.usage, ...costFields(spent) } }),
})

/** A letter that waits, as `AgentSession.queue` returns it. An answer to a call has no message. */
export type QueuedLetterInfo = Pick<Letter, 'id' | 'kind' | 'message'>

export const queueInfo = (letters: readonly Letter[]): QueuedLetterInfo[] =>
  letters.map(({ id, kind, message }) => ({ id, kind, ...(message && { message }) }))
