/** The sessions of all tenants, for an operator, in the order of the tenants. The last used session of a tenant comes first. */
import type { Context } from 'hono'

import { LoomError } from '../src/ground/error.ts'
import { jsonValueOf } from '../src/ground/json.ts'
import type { Loom } from '../src/loom.ts'
import { governedSession, listLimit, subjectIn } from './admin-handlers.ts'

/** The place at which a page begins. */
interface Place {
  tenant: string
  before?: number
}

export async function listAll(c: Context, { sessions }: Loom): Promise<Response> {
  const limit = listLimit(c)
  const subject = subjectIn(c)
  const from = placeIn(c.req.query('from'))
  const tenants = (await sessions.tenants()).toSorted()
  const listed: unknown[] = []
  for (const tenant of tenants.filter((name) => from === undefined || name >= from.tenant)) {
    if (listed.length === limit) return c.json({ sessions: listed, next: nextPlace({ tenant }) })
    const before = tenant === from?.tenant ? from.before : undefined
    const page = await sessions.list(tenant, {
      limit: limit - listed.length,
      ...(before !== undefined && { before }),
      ...(subject !== undefined && { subject }),
    })
    listed.push(...page.sessions.map((session) => ({ tenant, ...governedSession(session) })))
    if (page.before !== undefined) {
      return c.json({ sessions: listed, next: nextPlace({ tenant, before: page.before }) })
    }
  }
  return c.json({ sessions: listed })
}

const nextPlace = ({ tenant, before }: Place): string =>
  Buffer.from(JSON.stringify([tenant, before ?? null])).toString('base64url')

/** @throws LoomError `invalid-request` */
function placeIn(text: string | undefined): Place | undefined {
  if (text === undefined) return undefined
  const value = jsonValueOf(Buffer.from(text, 'base64url').toString())
  const [tenant, before]: unknown[] = Array.isArray(value) ? value : []
  if (typeof tenant !== 'string' || (before !== null && typeof before !== 'number')) {
    throw new LoomError('invalid-request', 'from must be `next` of the previous page.')
  }
  return { tenant, ...(typeof before === 'number' && { before }) }
}
