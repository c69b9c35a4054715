/**
 * The messages between a test and the crowd. They have a file of their own, because an import of
 * `crowd.ts` starts it.
 */
import { z } from 'zod'

export const crowdSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('open') }),
  z.object({ do: z.literal('ask'), url: z.string(), turns: z.number(), paceMs: z.number() }),
  z.object({ do: z.literal('follow'), url: z.string(), turns: z.number(), each: z.number() }),
  z.object({ do: z.literal('measure'), ms: z.number() }),
  z.object({ do: z.literal('end') }),
])
export type CrowdOrder = z.infer<typeof crowdSchema>

/** The time from the model's write of a token to a follower's read of it. */
const delays = z.object({
  count: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  mostMs: z.number(),
})
export type Delays = z.infer<typeof delays>

export const toldSchema = z.object({
  /** The address of the model. */
  url: z.string().optional(),
  delays: delays.optional(),
  /** The failures of the followers that did not get the whole answer. */
  lacking: z.array(z.string()).optional(),
})
export type Told = z.infer<typeof toldSchema>
