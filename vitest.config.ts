import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A test that only passes after others, or on its own, is a broken test.
    sequence: { shuffle: true },
    allowOnly: false,
  },
})
