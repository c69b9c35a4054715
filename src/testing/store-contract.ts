/** The contract of every store, as a function of its factory and of the test runner. */
import type { Store } from '../store.ts'
import { auditing } from './store-contract/auditing.ts'
import { busy } from './store-contract/busy.ts'
import { context } from './store-contract/context.ts'
import { editing } from './store-contract/editing.ts'
import { erasing } from './store-contract/erasing.ts'
import { fencing } from './store-contract/fencing.ts'
import { history } from './store-contract/history.ts'
import { instances } from './store-contract/instances.ts'
import { model } from './store-contract/model.ts'
import { posting } from './store-contract/posting.ts'
import { reading } from './store-contract/reading.ts'
import { retaining } from './store-contract/retaining.ts'
import { scheduling } from './store-contract/scheduling.ts'
import { sharing } from './store-contract/sharing.ts'
import { stopping } from './store-contract/stopping.ts'
import { storing } from './store-contract/storing.ts'
import type { Subject, TestBounds, TestRunner } from './store-contract/subject.ts'
import { results, tasks } from './store-contract/tasks.ts'
import { treeSpending } from './store-contract/tree-spending.ts'
import { waiting } from './store-contract/waiting.ts'

/**
 * The options of `storeContract`.
 * @example
 * ```ts
 * import type { StoreContractOptions } from 'loomkit/testing'
 *
 * const thorough: StoreContractOptions = { runs: 1000 }
 * ```
 */
export interface StoreContractOptions {
  /**
   * The number of random sequences of calls, which the contract compares with a model of a session. They
   * need the package `fast-check`. 0 leaves them out. @defaultValue 100
   */
  runs?: number
}

/**
 * Adds the tests of every rule that Loom expects of a store: Loom's own stores pass them. A store that
 * passes loses no message and lets no stale owner write.
 * @param openStore opens a new store; it may share its data with the others. The contract closes it
 * @param runner the functions of vitest, Jest or `node:test`
 * @example
 * ```ts
 * import { after, before, describe, it } from 'node:test'
 * import { openMemoryStore } from 'loomkit'
 * import { storeContract } from 'loomkit/testing'
 *
 * const runner = { describe, it, beforeAll: before, afterAll: after }
 * storeContract(async (bounds) => openMemoryStore(bounds), runner)
 * ```
 */
export function storeContract(
  openStore: (bounds: TestBounds) => Promise<Store>,
  { describe, it, beforeAll, afterAll }: TestRunner,
  { runs = 100 }: StoreContractOptions = {},
): void {
  const opened: Store[] = []
  const open = async (bounds: TestBounds) => {
    const store = await openStore(bounds)
    opened.push(store)
    return store
  }
  let shared: Store | undefined
  const store = () => {
    if (shared === undefined) throw new Error('the store is not open yet')
    return shared
  }
  const subject: Subject = { it, store, open }

  describe('the contract of a store', () => {
    beforeAll(async () => {
      shared = await open({})
    })
    afterAll(async () => {
      await Promise.all(opened.map((store) => store.close()))
    })
    describe('a post', () => posting(subject))
    describe('an edit', () => editing(subject))
    describe('a running turn', () => busy(subject))
    describe('a stop', () => stopping(subject))
    describe('a claim', () => fencing(subject))
    describe('a waiting message', () => waiting(subject))
    describe('a history', () => history(subject))
    describe('a context', () => context(subject))
    describe('a session', () => sharing(subject))
    describe('an audit', () => auditing(subject))
    describe('an erasure', () => erasing(subject))
    describe('sessions of an agent', () => retaining(subject))
    describe('the storage of an owner', () => storing(subject))
    describe('a reader', () => reading(subject))
    describe('an instance', () => instances(subject))
    describe('a schedule', () => scheduling(subject))
    describe('a task', () => tasks(subject))
    describe('the result of a task', () => results(subject))
    describe('the spending of a tree', () => treeSpending(subject, runs))
    if (runs > 0) describe('a sequence of calls', () => model(subject, runs))
  })
}
