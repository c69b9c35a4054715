/** Apart from the other tests: what it compares with is 159 MB, and is installed for it alone. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.conformance.ts'],
    testTimeout: 60_000,
  },
})
