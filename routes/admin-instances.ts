/**
 * The instances of the server, for operators. They belong to no tenant, so an admin of a server with tenants does
 * not reach them, also without a tenant of its own. Without tenants, the admin is the operator.
 */
import type { Context } from 'hono'

import type { Config } from '../src/config.ts'
import { hasTenants } from '../src/config/access.ts'
import { LoomError } from '../src/ground/error.ts'
import type { Loom } from '../src/loom.ts'
import type { ReportedInstance } from '../src/store/instance-status.ts'
import { principalOf } from './access.ts'
import { audit } from './audit.ts'
import { readFields } from './known-fields.ts'

export async function listInstances(
  c: Context,
  { sessions }: Loom,
  config: Config,
): Promise<Response> {
  checkOperator(c, config)
  const instances = await sessions.reportedInstances()
  return c.json({
    self: sessions.instanceId,
    instances: instances.map(shown).toSorted((a, b) => a.since - b.since),
  })
}

/**
 * Asks an instance to drain. The instance begins within a third of `LOOM_HEARTBEAT_MS`. Then the list has it as draining.
 * @throws LoomError `not-found`; `refused` if no other instance could take its turns
 */
export async function drainInstance(c: Context, loom: Loom, config: Config): Promise<Response> {
  checkOperator(c, config)
  const { sessions } = loom
  await readFields(c, [], {})
  const id = c.req.param('id') ?? ''
  const alive = (await sessions.reportedInstances()).filter(({ isAlive }) => isAlive)
  const instance = alive.find((each) => each.id === id)
  if (instance === undefined) {
    throw new LoomError('not-found', 'There is no such instance, or it is not alive.')
  }
  const others = alive.filter((each) => each.id !== id && !each.status.isDraining)
  if (others.length === 0) {
    throw new LoomError(
      'refused',
      'No other instance could take the turns of this one. Start another one first, or stop the process.',
    )
  }
  await sessions.askToDrain(id)
  await audit(c, loom, { principal: principalOf(c), tenant: '', action: 'drain', instance: id })
  return c.json(shown(instance), 202)
}

const shown = ({ id, isAlive, status }: ReportedInstance) => ({
  id,
  version: status.version,
  alive: isAlive,
  since: status.startedAt,
  turns: status.turns,
  readers: status.readers,
  draining: status.isDraining,
})

/** @throws LoomError `forbidden` */
function checkOperator(c: Context, config: Config): void {
  const { operator, tenant, session } = principalOf(c)
  const isOfAll = tenant === '' && session === undefined && !hasTenants(config)
  if (operator !== undefined || isOfAll) return
  throw new LoomError(
    'forbidden',
    'The instances belong to no tenant: use the key of an operator (LOOM_OPERATOR_KEYS).',
  )
}
