/**
 * Finds turns that no instance runs: turns of instances that are dead or have shut down, and turns that
 * belong to this instance but do not run on it.
 */
import type { InstanceStore } from '../store/instances.ts'
import type { SessionReader } from '../store/session.ts'
import { placeFor, type Places } from './places.ts'
import { Rounds } from './rounds.ts'

/** The number of sessions that one step takes from another instance. Several instances so share its sessions. */
const adoptionSize = 8

/** The number of sessions that one step reads. Round trips at the same time cost hardly more than one. */
const auditSize = 50

export interface LookoutOptions {
  store: InstanceStore & SessionReader
  instance: string
  /** The names of the agents that this instance has now. */
  agentNames: () => readonly string[]
  /** The places for turns on this instance. */
  places: Places
  /** Whether this instance runs the turn of the session, or has a claim of it in progress. */
  isBusy: (sessionId: string) => boolean
  /** `isNoted`: this instance has just adopted the session. */
  takeOver: (sessionId: string, isNoted: boolean) => Promise<void>
  /** Does what follows from the end of a turn in a tree of tasks. */
  settleTasks: (sessionId: string) => Promise<void>
  /** Removes a session from the index of this instance. */
  forget: (sessionId: string) => Promise<void>
  /** Called when a check of a session is complete. */
  release: (sessionId: string) => void
  report: (error: unknown) => void
}

export class Lookout {
  readonly #options: LookoutOptions
  /**
   * Sessions that this instance may own without running them: a turn whose commit failed or may be undone,
   * a claim whose reply was lost. The index names most of them too. But another instance takes over the
   * index of an instance that sent no heartbeat for long.
   */
  readonly #doubtful = new Set<string>()
  readonly #rounds = new Rounds(() => this.#lookOut())
  readonly #lapsedRounds = new Rounds(() => this.#quietly(() => this.#lookAfterOthers()))
  readonly #waitingRounds = new Rounds(() => this.#takeWaiting())

  constructor(options: LookoutOptions) {
    this.#options = options
  }

  doubt(sessionId: string): void {
    this.#doubtful.add(sessionId)
  }

  /** Starts a search, or another one after the search in progress. */
  look(): void {
    this.#rounds.ask()
  }

  /**
   * Looks only for sessions that another instance passed on. An instance that shuts down passes on one after the
   * other, so this must not wait for a whole search, nor begin one each time.
   */
  lookForWaiting(): void {
    this.#waitingRounds.ask()
  }

  /** Looks only for sessions that other instances left behind or passed on. */
  lookForLeft(): void {
    this.#lapsedRounds.ask()
    this.#waitingRounds.ask()
  }

  /** Waits for the end of the searches in progress. No other search begins. */
  async stop(): Promise<void> {
    const all = [this.#rounds, this.#lapsedRounds, this.#waitingRounds]
    await Promise.all(all.map((rounds) => rounds.stop()))
  }

  async #lookOut(): Promise<void> {
    // Their hints may have been lost.
    this.lookForLeft()
    await this.#quietly(() => this.#audit())
  }

  async #takeWaiting(): Promise<void> {
    await this.#quietly(() => this.#lookAfterWaiting())
    await this.#quietly(() => this.#fillPlaces())
  }

  async #lookAfterOthers(): Promise<void> {
    const { store, instance } = this.#options
    for (const other of await store.lapsed()) {
      if (other !== instance) await this.#adoptFrom(other)
    }
  }

  async #adoptFrom(other: string): Promise<void> {
    const { store, instance } = this.#options
    await this.#takeAll(() => store.adopt(other, instance, adoptionSize))
  }

  /** Sessions that other instances passed on, because they shut down or lack the agent. */
  async #lookAfterWaiting(): Promise<void> {
    const { store, instance, agentNames } = this.#options
    await Promise.all(
      agentNames().map((agent) =>
        this.#takeAll(() => store.adoptWaiting(agent, instance, adoptionSize)),
      ),
    )
  }

  /** Sessions that wait for a place on any instance with their agent. */
  async #fillPlaces(): Promise<void> {
    const { store, instance, agentNames, places, takeOver } = this.#options
    for (const agent of agentNames()) {
      for (;;) {
        const limit = Math.min(places.free, adoptionSize)
        if (limit === 0 || this.#waitingRounds.isStopped) return
        const sessionIds = await store.adoptWaiting(placeFor(agent), instance, limit)
        await Promise.all(sessionIds.map((id) => this.#quietly(() => takeOver(id, true))))
        if (sessionIds.length < limit) break
      }
    }
    places.settle()
  }

  async #takeAll(adopt: () => Promise<string[]>): Promise<void> {
    const { takeOver } = this.#options
    let count = adoptionSize
    while (count === adoptionSize && !this.#rounds.isStopped) {
      const sessionIds = await adopt()
      await Promise.all(sessionIds.map((id) => this.#quietly(() => takeOver(id, true))))
      count = sessionIds.length
    }
  }

  /** Takes over turns of this instance that it does not run, and removes index entries of ended turns. */
  async #audit(): Promise<void> {
    const { store, instance, isBusy } = this.#options
    const noted = await store.noted(instance)
    const idle = [...new Set([...noted, ...this.#doubtful])].filter((id) => !isBusy(id))
    for (let at = 0; at < idle.length && !this.#rounds.isStopped; at += auditSize) {
      await Promise.all(idle.slice(at, at + auditSize).map((id) => this.#auditOne(id)))
    }
  }

  async #auditOne(sessionId: string): Promise<void> {
    const { store, isBusy, takeOver, settleTasks, forget, release } = this.#options
    // Before the read: a doubt that is raised after this needs another read.
    const isDoubtful = this.#doubtful.delete(sessionId)
    try {
      const session = await store.session(sessionId)
      if (isBusy(sessionId)) {
        if (isDoubtful) this.doubt(sessionId)
        return
      }
      if (session?.state === 'running') await takeOver(sessionId, false)
      else {
        await settleTasks(sessionId)
        await forget(sessionId)
      }
      release(sessionId)
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
