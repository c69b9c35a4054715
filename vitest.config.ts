import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { defineConfig } from 'vitest/config'

import { LongestFirst } from './test/longest-first.ts'
import { packageEntries } from './test/package-entries.ts'

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

const sessions = readdirSync(join(import.meta.dirname, 'test/sessions')).filter(
  (name) => name.includes('.test.') && !inProcess.has(name.replace(/\.test\.tsx?$/, '')),
)

/**
 * These tests kill and freeze servers and give them time limits, or they measure. Other tests
 * beside them would disturb the measurement.
 */
const alone = [
  ...sessions.map((name) => `test/sessions/${name}`),
  'test/balancers/**/*.test.ts',
  'test/monitoring/**/*.test.ts',
  'test/trees/kills.test.ts',
  'test/bench.test.ts',
  'test/artefacts/measure.test.ts',
]

export default defineConfig({
  // Files of users import Loom by its name. Here that name is the sources, whether they are built
  // or not.
  resolve: {
    alias: Object.entries(packageEntries()).map(([name, path]) => ({
      find: new RegExp(`^${name}$`),
      replacement: join(import.meta.dirname, path),
    })),
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
          sequence: { groupOrder: 1, shuffle: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'loom',
          include: ['test/**/*.test.{ts,tsx}'],
          exclude: [...alone, '**/node_modules/**', 'test/conformance/**'],
          // Many tests wait for a time limit or a process. Three workers keep two cores busy.
          maxWorkers: 3,
          sequence: { groupOrder: 0, shuffle: true },
        },
      },
    ],
  },
})
