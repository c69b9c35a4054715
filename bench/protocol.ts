/**
 * The messages between the benchmark's processes. They are in a module of their own, because an
 * import of such a process would start it.
 */
import { z } from 'zod'

/** The task of the load client. */
export const loadSchema = z.object({
  port: z.number(),
  path: z.string(),
  body: z.enum(['chat', 'completion']),
  format: z.enum(['ui', 'openai']),
  /** The number of open orders at a time, each on a connection of its own. */
  connections: z.number(),
  orders: z.array(
    z.object({ id: z.number(), tokens: z.number(), rate: z.number(), waitMs: z.number() }),
  ),
})
export type Load = z.infer<typeof loadSchema>

/** The load client's record of one answer with the correct text. */
export const sightingSchema = z.object({
  id: z.number(),
  sentAt: z.number(),
  endedAt: z.number(),
  /** Time and tokens so far, alternately: one pair for every read that contained a token. */
  arrivals: z.array(z.number()),
  bytes: z.number(),
})
export type Sighting = z.infer<typeof sightingSchema>

/** The times at which the upstream received a request, and wrote each token of a paced answer. */
export const stampSchema = z.object({
  id: z.number(),
  receivedAt: z.number(),
  /** The time of the first write with text. */
  firstAt: z.number(),
  sentAt: z.array(z.number()),
})
export type Stamp = z.infer<typeof stampSchema>

/** The memory of a server under test after a full collection. */
export const memorySchema = z.object({ heldBytes: z.number(), residentBytes: z.number() })
export type Memory = z.infer<typeof memorySchema>

/** The number of timers, sockets and other handles of a process, by the names that Node.js gives them. */
export const resourcesSchema = z.record(z.string(), z.number())

/** The questions that a server under test answers. */
export const probeSchema = z.object({
  ask: z.enum(['memory', 'resources', 'start-profile', 'end-profile']),
})
export type Probe = z.infer<typeof probeSchema>
