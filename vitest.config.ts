import { join } from 'node:path'

import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Files that users write import Loom by its name: here they are given the sources, built or not.
  resolve: { alias: [{ find: /^loom$/, replacement: join(import.meta.dirname, 'src/index.ts') }] },
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A test that only passes after others, or on its own, is a broken test.
    sequence: { shuffle: true },
    allowOnly: false,
  },
})
