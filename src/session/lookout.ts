/**
 * Looks for turns that nobody runs: those of instances that have fallen silent or have left, and those
 * that should be this one's own.
 */
import type { InstanceStore } from '../store/instances.ts'
import type { SessionReader } from '../store/session.ts'
import { Rounds } from './rounds.ts'

/** Sessions that are taken from a lapsed instance at a time, so that several survivors share them. */
const adoptAtOnce = 50

/** Sessions that are looked at together: so many round trips cost hardly more than one. */
const auditAtOnce = 50

export interface LookoutOptions {
  store: InstanceStore & SessionReader
  instance: string
  /** The names of the agents that this instance has. */
  agents: readonly string[]
  /** Whether the session's turn runs here, or is just being claimed here. */
  isBusy: (sessionId: string) => boolean
  takeOver: (sessionId: string) => Promise<void>
  /** Takes a session out of this instance's index. */
  forget: (sessionId: string) => Promise<void>
  /** Told that a session was found as it should be. */
  settled: (sessionId: string) => void
  report: (error: unknown) => void
}

export class Lookout {
  readonly #options: LookoutOptions
  /**
   * Sessions that may be ours and run nowhere: a turn that could not be committed, or whose commit may
   * be undone, a claim whose reply was lost. The index tells of most of them too, but who was silent
   * for long has had it taken away.
   */
  readonly #doubtful = new Set<string>()
  readonly #rounds = new Rounds(() => this.#lookOut())

  constructor(options: LookoutOptions) {
    this.#options = options
  }

  doubt(sessionId: string): void {
    this.#doubtful.add(sessionId)
  }

  /** One look at a time: one that is asked for meanwhile follows. */
  look(): void {
    this.#rounds.ask()
  }

  /** Settles when the look that is under way is over; there will be no other. */
  stop(): Promise<void> {
    return this.#rounds.stop()
  }

  async #lookOut(): Promise<void> {
    await this.#quietly(() => this.#lookAfterOthers())
    await this.#quietly(() => this.#lookAfterWaiting())
    await this.#quietly(() => this.#audit())
  }

  async #lookAfterOthers(): Promise<void> {
    const { store, instance } = this.#options
    for (const other of await store.lapsed()) {
      if (other !== instance) await this.#adoptFrom(other)
    }
  }

  async #adoptFrom(other: string): Promise<void> {
    const { store, instance } = this.#options
    await this.#takeAll(() => store.adopt(other, instance, adoptAtOnce))
  }

  /** Sessions of an agent that the instance lacked which had them in its index. */
  async #lookAfterWaiting(): Promise<void> {
    const { store, instance, agents } = this.#options
    for (const agent of agents) {
      await this.#takeAll(() => store.adoptWaiting(agent, instance, adoptAtOnce))
    }
  }

  async #takeAll(adopt: () => Promise<string[]>): Promise<void> {
    const { takeOver } = this.#options
    let adopted = adoptAtOnce
    while (adopted === adoptAtOnce && !this.#rounds.isStopped) {
      const sessionIds = await adopt()
      await Promise.all(sessionIds.map((id) => this.#quietly(() => takeOver(id))))
      adopted = sessionIds.length
    }
  }

  /** A claim whose reply was lost is ours and runs nowhere; an entry that is done is of no use. */
  async #audit(): Promise<void> {
    const { store, instance, isBusy } = this.#options
    const noted = await store.noted(instance)
    const idle = [...new Set([...noted, ...this.#doubtful])].filter((id) => !isBusy(id))
    for (let at = 0; at < idle.length && !this.#rounds.isStopped; at += auditAtOnce) {
      await Promise.all(idle.slice(at, at + auditAtOnce).map((id) => this.#auditOne(id)))
    }
  }

  async #auditOne(sessionId: string): Promise<void> {
    const { store, isBusy, takeOver, forget, settled } = this.#options
    // Before it is read: who doubts it from here on wants it read again.
    const isDoubtful = this.#doubtful.delete(sessionId)
    try {
      const session = await store.session(sessionId)
      if (isBusy(sessionId)) {
        if (isDoubtful) this.doubt(sessionId)
        return
      }
      if (session?.state === 'running') await takeOver(sessionId)
      else await forget(sessionId)
      settled(sessionId)
    } catch (error) {
      if (isDoubtful) this.doubt(sessionId)
      throw error
    }
  }

  async #quietly(work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.report(error)
    }
  }
}
