/** The contract of every store, as a function of its factory. */
import { afterAll, beforeAll, describe } from 'vitest'

import type { Store } from '../../src/store.ts'
import { busy } from './contract/busy.ts'
import { context } from './contract/context.ts'
import { editing } from './contract/editing.ts'
import { fencing } from './contract/fencing.ts'
import { history } from './contract/history.ts'
import { instances } from './contract/instances.ts'
import { model } from './contract/model.ts'
import { posting } from './contract/posting.ts'
import { reading } from './contract/reading.ts'
import { stopping } from './contract/stopping.ts'
import type { Subject, TestBounds } from './contract/subject.ts'
import { waiting } from './contract/waiting.ts'

/** @param runs the number of random sequences in the model test */
export function storeContract(
  openStore: (bounds: TestBounds) => Promise<Store>,
  { runs }: { runs: number },
): void {
  const opened: Store[] = []
  const open = async (bounds: TestBounds) => {
    const store = await openStore(bounds)
    opened.push(store)
    return store
  }
  let shared: Store | undefined
  beforeAll(async () => {
    shared = await open({})
  })
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()))
  })
  const store = () => {
    if (shared === undefined) throw new Error('the store is not open yet')
    return shared
  }
  const subject: Subject = { store, open }

  describe('a post', () => posting(subject))
  describe('an edit', () => editing(subject))
  describe('a running turn', () => busy(subject))
  describe('a stop', () => stopping(subject))
  describe('a claim', () => fencing(subject))
  describe('a waiting message', () => waiting(subject))
  describe('a history', () => history(subject))
  describe('a context', () => context(subject))
  describe('a reader', () => reading(subject))
  describe('an instance', () => instances(subject))
  describe('a sequence of calls', () => model(subject, runs))
}
