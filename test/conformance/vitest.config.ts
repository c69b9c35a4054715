/** These tests are separate, because the peer has 159 MB and is installed only for them. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.conformance.ts'],
    testTimeout: 60_000,
  },
})
