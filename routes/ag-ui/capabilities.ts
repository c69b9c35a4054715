/**
 * `GET /ag-ui/:agent`: the capabilities of an agent in the form of AG-UI (`AgentCapabilities`). AG-UI defines the form
 * and leaves the address to the server.
 */
import type { Context } from 'hono'

import { agentOf, type SessionWorld } from '../session-world.ts'

export async function capabilities(c: Context, world: SessionWorld): Promise<Response> {
  const { name, description } = agentOf(c, world)
  return c.json({
    identity: { name, type: 'loom', ...(description !== undefined && { description }) },
    transport: { streaming: true },
    tools: { supported: true, clientProvided: true },
    state: { snapshots: true, deltas: false, persistentState: true },
    humanInTheLoop: { supported: true, approvals: true, interrupts: true, approveWithEdits: false },
  })
}
