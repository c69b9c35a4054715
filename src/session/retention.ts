/**
 * Removes the sessions of an agent with `retentionDays` some days after their last message, with everything that belongs to
 * them, as a deletion does. All instances look; a lease keeps them from looking at the same session.
 */
import type { Agent } from '../agent.ts'
import type { AuditStore } from '../store/audit.ts'
import type { RetentionIndex } from '../store/retention.ts'
import type { DueIndex } from '../store/schedule.ts'
import type { SessionReader } from '../store/session.ts'

export interface RetentionOptions {
  store: RetentionIndex & AuditStore & Pick<SessionReader, 'session'> & Pick<DueIndex, 'time'>
  agents: () => readonly Agent[]
  /** Deletes a session that has had no message since then. Returns false if it has, or if a turn runs. */
  remove: (sessionId: string, tenant: string, unusedSince: number) => Promise<boolean>
  report: (error: unknown) => void
}

const dayMs = 24 * 60 * 60 * 1000

/** The longest time between two looks, and the lease of a session, in milliseconds. */
const lookEveryMs = 10 * 60 * 1000

/** The shortest time between two looks, in milliseconds. */
const lookPauseMs = 250

/** The number of sessions that one call of the store returns. */
const portion = 100

export class Retention {
  readonly #options: RetentionOptions
  #timer: NodeJS.Timeout | undefined
  #look: Promise<void> | undefined
  #isStopped = false

  constructor(options: RetentionOptions) {
    this.#options = options
  }

  start(): void {
    this.#arm()
  }

  /** Waits for the removal in progress. No other begins. */
  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#look
  }

  /** A short retention needs more looks, so that a session outlives it by little. */
  #arm(): void {
    if (this.#isStopped) return
    const shortest = Math.min(...this.#options.agents().map(retentionMs))
    const pauseMs = Math.min(Math.max(shortest / 10, lookPauseMs), lookEveryMs)
    this.#timer = setTimeout(() => {
      this.#look = this.#lookOnce()
        .catch(this.#options.report)
        .finally(() => this.#arm())
    }, pauseMs)
    this.#timer.unref()
  }

  async #lookOnce(): Promise<void> {
    for (const agent of this.#options.agents()) {
      if (agent.retentionDays !== undefined) await this.#removeUnused(agent)
    }
  }

  async #removeUnused(agent: Agent): Promise<void> {
    const unusedMs = retentionMs(agent)
    const leaseMs = Math.min(lookEveryMs, Math.max(unusedMs, lookPauseMs))
    for (;;) {
      const options = { unusedMs, limit: portion, leaseMs }
      const { sessionIds, lease } = await this.#options.store.takeUnused(agent.name, options)
      for (const id of sessionIds) {
        if (this.#isStopped) return
        await this.#settle(id, agent.name, { unusedMs, lease })
      }
      if (sessionIds.length < portion) return
    }
  }

  async #settle(
    id: string,
    agent: string,
    { unusedMs, lease }: { unusedMs: number; lease: number },
  ): Promise<void> {
    const { store, remove } = this.#options
    const session = await store.session(id)
    // An agent may have answered in a session of another one.
    if (session?.agent !== agent) return store.settleUnused(agent, id, { lease })
    const { tenant, updatedAt, state } = session
    const isUnused = updatedAt <= (await store.time()) - unusedMs
    // A session whose turn runs stays until a later look, after the lease.
    if (state === 'running' || state === 'unknown') return
    if (!isUnused) return store.settleUnused(agent, id, { lease, usedAt: updatedAt })
    if (!(await remove(id, tenant, updatedAt))) return
    await store.settleUnused(agent, id, { lease })
    await store.noteAudit(tenant, { action: 'expire', by: {}, agent, sessionId: id })
  }
}

const retentionMs = ({ retentionDays = Infinity }: Agent): number => retentionDays * dayMs
