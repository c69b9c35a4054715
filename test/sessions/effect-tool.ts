/** A tool that has an effect outside its server: it reports each of its points to `ledger.ts`. */
import { z } from 'zod'

import type { NamedTool, RetryClass } from '../../src/tool.ts'
import type { Point } from './ledger.ts'

/** The address of the ledger. */
export const ledger = process.env['LEDGER_URL'] ?? ''

export const effect = (name: string, retry: RetryClass, needsApproval = false): NamedTool => ({
  name,
  description: 'Changes the world.',
  inputSchema: z.looseObject({}),
  retry,
  needsApproval,
  async *execute(_, { idempotencyKey, signal, write }) {
    const tell = async (point: Point) => {
      const response = await fetch(`${ledger}/${point}?key=${idempotencyKey}`, { signal })
      await response.text()
    }
    yield 'partial: begun'
    await write({ type: 'data-progress', data: 'partial: begun' })
    await tell('before')
    await tell('effect')
    yield 'partial: nearly done'
    await write({ type: 'data-progress', data: 'partial: nearly done' })
    await tell('done')
    return 'worked'
  },
})
