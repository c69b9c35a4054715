/** The hints that the store gives to instances: what each of them costs the turns that run. */
import { randomUUID } from 'node:crypto'

import { expect, it } from 'vitest'

import type { Store } from '../../src/store.ts'
import type { InstanceHint } from '../../src/store/instances.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { noteEvents, turnEvents } from '../noted-events.ts'
import { until } from '../redis/until.ts'
import { scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from './scripts.ts'
import { openWorld } from './world.ts'

it('only a store that was away gets the last entry of each running turn again', async () => {
  const appended: string[] = []
  const hints = hinted({
    async append(store, at, entry) {
      appended.push(entry.id)
      return store.append(at, entry)
    },
  })
  await using world = openWorld(hints.open)
  const gate = new Gate('the model is in the middle of its answer')
  const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' whole')) })
  const answer = here.session(randomUUID()).call('Go.')
  await gate.reached()
  await until(8000, 'the text in the log', () => appended.length > 1)
  const before = appended.length
  for (const reason of ['passed', 'left', 'passed', 'returned'] as const) hints.give(reason)
  await until(8000, 'the entry again', () => appended.length > before)
  gate.open()
  await answer
  const again = appended.filter((id, index) => appended.indexOf(id) !== index)
  expect(again).toEqual([appended[before - 1]])
})

it('a turn whose entry arrives again after its commit has finished, and is not lost', async () => {
  const { of } = noteEvents(turnEvents)
  const sent = new Set<string>()
  const repeated = new Gate('the entry that the instance sends again')
  const refused = Promise.withResolvers<void>()
  const hints = hinted({
    async append(store, at, entry) {
      if (!sent.has(entry.id)) {
        sent.add(entry.id)
        return store.append(at, entry)
      }
      await repeated.pass()
      const reply = await store.append(at, entry)
      if (reply.status === 'lost') setImmediate(refused.resolve)
      return reply
    },
    async finish(store, at, commit) {
      const reply = await store.finish(at, commit)
      repeated.open()
      await refused.promise
      return reply
    },
  })
  await using world = openWorld(hints.open)
  const gate = new Gate('the model is in the middle of its answer')
  const here = await world.instance({ model: scriptedModel(saysWhen(gate, 'Half', ' whole')) })
  const answer = here.session(randomUUID()).call('Go.')
  await gate.reached()
  await until(8000, 'the text in the log', () => sent.size > 1)
  hints.give('returned')
  await repeated.reached()
  gate.open()
  await answer
  await until(8000, 'the end of the turn', () => of('turn:stop').length === 1)
  expect(of('turn:stop')[0]?.metadata['reason']).toBe('finished')
  expect(here.reported).toEqual([])
})

type Calls = {
  [NAME in 'append' | 'finish']?: (
    store: Store,
    ...args: Parameters<Store[NAME]>
  ) => ReturnType<Store[NAME]>
}

const plain: Required<Calls> = {
  append: (store, at, entry) => store.append(at, entry),
  finish: (store, at, commit) => store.finish(at, commit),
}

/** A store whose hints to instances come from the test. */
function hinted(calls: Calls) {
  const store = openMemoryStore()
  const listeners = new Set<(reason: InstanceHint) => void>()
  return {
    give: (reason: InstanceHint) => listeners.forEach((listener) => listener(reason)),
    open: async (): Promise<Store> => ({
      ...store,
      append: (at, entry) => (calls.append ?? plain.append)(store, at, entry),
      finish: (at, commit) => (calls.finish ?? plain.finish)(store, at, commit),
      async watchInstances(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }),
  }
}
