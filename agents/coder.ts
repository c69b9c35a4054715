/**
 * The coding agent of a server that names it in `LOOM_AGENTS`, and of `loom --agent coder`. Its tools load
 * only if it is created.
 */
import { defineActingAgent } from '../src/acting.ts'

export const actingCoder = defineActingAgent('coder', async (world) => {
  const { coder } = await import('./coder/coder.ts')
  return coder(world)
})
