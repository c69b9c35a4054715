import { join } from 'node:path'

import { defineConfig } from 'vitest/config'

/**
 * They kill and freeze servers and hold them to deadlines, or measure: beside others they would measure
 * these.
 */
const alone = [
  'test/sessions/**/*.test.{ts,tsx}',
  'test/balancers/**/*.test.ts',
  'test/bench.test.ts',
  'test/artefacts/measure.test.ts',
]

export default defineConfig({
  // Files that users write import Loom by its name: here they are given the sources, built or not.
  resolve: { alias: [{ find: /^loom$/, replacement: join(import.meta.dirname, 'src/index.ts') }] },
  test: {
    // A test that hangs names what it waits for much sooner (`test/deadline.ts`), unless the machine is
    // busy: then its deadlines are longer.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 20_000 } },
    // A test that only passes after others, or on its own, is a broken test.
    sequence: { shuffle: true },
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
          maxWorkers: 2,
          sequence: { groupOrder: 0, shuffle: true },
        },
      },
    ],
  },
})
