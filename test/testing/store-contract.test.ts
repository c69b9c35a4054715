/** The published contract: it finds faults of a store, and runs under node:test. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { describe, expect, it } from 'vitest'

import { storeContract, type TestBounds, type TestRunner } from '../../src/entries/testing.ts'
import type { Store } from '../../src/store.ts'
import { openMemoryStore } from '../../src/store/memory.ts'

const root = join(import.meta.dirname, '../..')

/** Runs the cases of the contract one by one. Returns the name of each case with its error, if it fails. */
async function outcomes(
  openStore: (bounds: TestBounds) => Promise<Store>,
): Promise<Map<string, Error | undefined>> {
  const cases: { name: string; test: () => Promise<void> }[] = []
  const before: (() => Promise<void>)[] = []
  const after: (() => Promise<void>)[] = []
  const names: string[] = []
  const runner: TestRunner = {
    describe(name, add) {
      names.push(name)
      add()
      names.pop()
    },
    it: (name, test) => cases.push({ name: [...names.slice(1), name].join(' '), test }),
    beforeAll: (open) => before.push(open),
    afterAll: (close) => after.push(close),
  }
  storeContract(openStore, runner, { runs: 20 })
  for (const open of before) await open()
  const found = new Map<string, Error | undefined>()
  for (const { name, test } of cases) {
    const error = await test().then(
      () => undefined,
      (reason: unknown) => (reason instanceof Error ? reason : new Error(String(reason))),
    )
    found.set(name, error)
  }
  for (const close of after) await close()
  return found
}

/** A store in memory with one changed method. */
async function faulty(
  bounds: TestBounds,
  change: (store: Store) => Partial<Store>,
): Promise<Store> {
  const store = openMemoryStore(bounds)
  const changed = change(store)
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(Reflect.has(changed, name) ? changed : target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const failures = (found: Map<string, Error | undefined>) =>
  [...found].filter(([, error]) => error !== undefined)

describe('the contract of a store', () => {
  it('passes for the store in memory', async () => {
    const found = await outcomes(async (bounds) => openMemoryStore(bounds))
    expect(failures(found)).toEqual([])
    expect(found.size).toBeGreaterThan(80)
  })

  it.each<[string, string, (store: Store) => Partial<Store>]>([
    [
      'lets a stale owner write',
      'a claim',
      (store) => ({
        append: async (at, entry) => {
          const reply = await store.append(at, entry)
          return reply.status === 'lost' ? { status: 'appended', steer: false } : reply
        },
      }),
    ],
    [
      'loses the first message',
      'a history',
      (store) => ({ messages: async (id) => (await store.messages(id)).slice(1) }),
    ],
    [
      'keeps a stop to itself',
      'a stop',
      (store) => ({
        append: async (at, entry) => {
          const { stop: _, ...reply } = { stop: undefined, ...(await store.append(at, entry)) }
          return reply
        },
      }),
    ],
  ])('fails for a store that %s', async (_, group, change) => {
    const found = failures(await outcomes((bounds) => faulty(bounds, change)))
    expect(found.length).toBeGreaterThan(0)
    expect(found.map(([name]) => name)).toEqual(
      expect.arrayContaining([expect.stringContaining(group)]),
    )
    for (const [, error] of found) expect(error?.message).not.toBe('')
  })

  it('runs under node:test', async () => {
    mkdirSync(join(root, '.cache'), { recursive: true })
    const folder = mkdtempSync(join(root, '.cache/contract-'))
    try {
      const file = join(folder, 'memory-store.test.ts')
      const code = `import { after, before, describe, it } from 'node:test'
import { storeContract } from '${root}/src/entries/testing.ts'
import { openMemoryStore } from '${root}/src/store/memory.ts'

const runner = { describe, it, beforeAll: before, afterAll: after }
storeContract(async (bounds) => openMemoryStore(bounds), runner, { runs: 5 })
`
      writeFileSync(file, code)
      const { stdout } = await promisify(execFile)(process.execPath, ['--test', file])
      expect(stdout).toMatch(/fail 0/)
      expect(Number(/pass (\d+)/.exec(stdout)?.[1])).toBeGreaterThan(80)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
