import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { defineConfig } from 'vitest/config'

import { LongestFirst } from './test/longest-first.ts'
import { packageEntries } from './test/package-entries.ts'

/** These tests measure. Another test beside them would disturb the measurement. */
const alone = [
  'test/bench.test.ts',
  'test/artefacts/measure.test.ts',
  'test/balancers/compose.test.ts',
  'test/balancers/rolling/**/*.test.ts',
  'test/long-work.test.ts',
  'test/long-work/**/*.test.ts',
  'test/monitoring/alerts.test.ts',
  'test/sessions/busy-machine.test.ts',
  'test/sessions/mailbox.test.ts',
]

/**
 * The tests of sessions that work in one process: they kill no server, and no heartbeat of 0.3 s must
 * arrive in time.
 */
const inProcess = new Set([
  'cuts',
  'cuts-again',
  'cuts-plain',
  'cuts-sockets',
  'follow',
  'forged',
  'forged-tenants',
  'forgotten',
  'newest-part',
  'reload',
  'reload-hooks',
  'spending',
])

const sessions = readdirSync(join(import.meta.dirname, 'test/sessions'))
  .filter((name) => name.includes('.test.') && !inProcess.has(name.replace(/\.test\.tsx?$/, '')))
  .map((name) => `test/sessions/${name}`)
  .filter((path) => !alone.includes(path))

/**
 * These tests kill and freeze servers and give them time limits. They wait for most of their time, so
 * two of them keep two cores busy. More would delay heartbeats.
 */
const faults = [
  ...sessions,
  'test/balancers/faults.test.ts',
  'test/balancers/programs.test.ts',
  'test/monitoring/**/*.test.ts',
  'test/trees/kills.test.ts',
]

export default defineConfig({
  // Files of users import Loom by its name. Here that name is the sources, whether they are built
  // or not.
  resolve: {
    alias: [
      // The package of the pages. The tests have its versions under other names.
      { find: /^@ai-sdk\/react$/, replacement: 'ai-react7' },
      ...Object.entries(packageEntries()).map(([name, path]) => ({
        find: new RegExp(`^${name}$`),
        replacement: join(import.meta.dirname, path),
      })),
    ],
  },
  test: {
    // A test that hangs reports its awaited event much sooner (`test/deadline.ts`). On a busy machine
    // its time limits are longer.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    // The commands that tests start share their compiled code.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache/code') },
    // A test that passes only after others, or only alone, is broken.
    sequence: { shuffle: true, sequencer: LongestFirst },
    allowOnly: false,
    projects: [
      {
        extends: true,
        test: {
          name: 'alone',
          include: alone,
          maxWorkers: 1,
          sequence: { groupOrder: 2, shuffle: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'faults',
          include: faults,
          exclude: [...alone, '**/node_modules/**'],
          maxWorkers: 2,
          sequence: { groupOrder: 1, shuffle: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'loom',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [...alone, ...faults, '**/node_modules/**', 'test/conformance/**'],
          // Many tests wait for a time limit or a process. Three workers keep two cores busy.
          maxWorkers: 3,
          sequence: { groupOrder: 0, shuffle: true },
        },
      },
    ],
  },
})
