/** What a test tells the crowd, and is told by it. Apart from it, since importing that is starting it. */
import { z } from 'zod'

export const crowdSchema = z.discriminatedUnion('do', [
  z.object({ do: z.literal('open') }),
  z.object({ do: z.literal('ask'), url: z.string(), turns: z.number(), paceMs: z.number() }),
  z.object({ do: z.literal('follow'), url: z.string(), turns: z.number(), each: z.number() }),
  z.object({ do: z.literal('measure'), ms: z.number() }),
  z.object({ do: z.literal('end') }),
])
export type CrowdOrder = z.infer<typeof crowdSchema>

/** From the model's write of a token to a follower's read of it. */
const delays = z.object({
  count: z.number(),
  p50Ms: z.number(),
  p99Ms: z.number(),
  mostMs: z.number(),
})
export type Delays = z.infer<typeof delays>

export const toldSchema = z.object({
  /** Where the model answers. */
  url: z.string().optional(),
  delays: delays.optional(),
  /** Of the followers that did not get the whole answer: why. */
  lacking: z.array(z.string()).optional(),
})
export type Told = z.infer<typeof toldSchema>
