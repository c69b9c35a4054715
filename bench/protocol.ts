/**
 * What the benchmark's processes tell each other. Apart from the processes themselves, because to
 * import one of those is to start it.
 */
import { z } from 'zod'

/** What the load client is to do. */
export const loadSchema = z.object({
  port: z.number(),
  path: z.string(),
  format: z.enum(['ui', 'openai']),
  /** How many orders are open at a time, each on a connection of its own. */
  connections: z.number(),
  orders: z.array(
    z.object({ id: z.number(), tokens: z.number(), rate: z.number(), waitMs: z.number() }),
  ),
})
export type Load = z.infer<typeof loadSchema>

/** What the load client saw of one answer whose text was right. */
export const sightingSchema = z.object({
  id: z.number(),
  sentAt: z.number(),
  endedAt: z.number(),
  /** Time and tokens so far, alternately: one pair for every read that held a token. */
  arrivals: z.array(z.number()),
  bytes: z.number(),
})
export type Sighting = z.infer<typeof sightingSchema>

/** When the upstream had a request, and when it wrote each token of a paced answer. */
export const stampSchema = z.object({
  id: z.number(),
  receivedAt: z.number(),
  /** Of the first write with text in it. */
  firstAt: z.number(),
  sentAt: z.array(z.number()),
})
export type Stamp = z.infer<typeof stampSchema>

/** What a server under test holds in memory after a full collection. */
export const memorySchema = z.object({ heldBytes: z.number(), residentBytes: z.number() })
export type Memory = z.infer<typeof memorySchema>

/** What a server under test can be asked. */
export const probeSchema = z.object({ ask: z.enum(['memory', 'start-profile', 'end-profile']) })
export type Probe = z.infer<typeof probeSchema>
