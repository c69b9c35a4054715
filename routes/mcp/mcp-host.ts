/** The rights of the principal of a request, for its MCP calls. */
import type { Context } from 'hono'

import type { McpHost } from '../../src/mcp-server/host.ts'
import { audit } from '../audit.ts'
import { noteOf } from '../request-note.ts'
import { findSession, type SessionWorld } from '../session-world.ts'

export const mcpHost = (c: Context, world: SessionWorld, version: string): McpHost => ({
  loom: world.loom,
  version,
  principal: world.principal,
  serverContext: world.serverContext,
  findSession: (id, role) => findSession(world, id, role),
  audit: (act) => {
    const { principal, tenant, loom } = world
    return audit(c, loom, { principal, tenant, ...act })
  },
  isLeaving: () => world.loom.sessions.isDraining,
  onAccepted: (answer) => {
    const note = noteOf(c)
    if (note !== undefined) Object.assign(note, answer)
  },
})
