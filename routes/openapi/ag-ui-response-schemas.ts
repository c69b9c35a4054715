/** The forms of the JSON that the routes of AG-UI return. */
import { z } from 'zod/v4'

export const agUiResponseSchemas = {
  AgentCapabilities: z.object({
    identity: z.object({
      name: z.string(),
      type: z.literal('loom'),
      description: z.string().optional(),
    }),
    transport: z.object({ streaming: z.literal(true) }),
    tools: z.object({ supported: z.literal(true), clientProvided: z.literal(true) }),
    state: z.object({
      snapshots: z.literal(true),
      deltas: z.literal(false),
      persistentState: z.literal(true),
    }),
    humanInTheLoop: z.object({
      supported: z.literal(true),
      approvals: z.literal(true),
      interrupts: z.literal(true),
      approveWithEdits: z.literal(false),
    }),
  }),
} satisfies Record<string, z.ZodType>
