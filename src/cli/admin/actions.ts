/** The effects of the subcommands of `loom admin`. */
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'

import { LoomError } from '../../ground/error.ts'
import { fieldsOf } from '../../ground/fields.ts'
import { everything } from '../../store/erasure.ts'
import type { CommandWorld } from '../app.ts'
import { exitCodes, isReaderGone } from '../exit-code.ts'
import { notLoom } from '../remote/api.ts'
import { confirms } from './confirmation.ts'
import { type AdminFlags, apiOf, at, sessionPath } from './place.ts'
import { auditRows, certificateText, instanceRows, inspectionText, sessionRows } from './text.ts'

/** The longest wait for the begin of a drain. An instance begins after its next report, within a third of `LOOM_HEARTBEAT_MS`. */
const drainMs = 60_000
const lookEveryMs = 200

/** The exit code after Ctrl-C. */
const interruptedCode = 130

/** The most sessions that a page of the server has. */
const pageMax = 200

export async function sessions(world: CommandWorld, flags: AdminFlags): Promise<void> {
  const api = apiOf(world, flags)
  const limit = limitIn(flags, 100)
  const { tenant, subject } = flags
  const found: unknown[] = []
  // A list over all tenants continues by `next`, and one of a tenant by `before`.
  let place: { from?: string; before?: string } | undefined
  do {
    const page = String(Math.min(limit - found.length, pageMax))
    const path = at('/sessions', { tenant, subject, ...place, limit: page })
    const { sessions, before, next } = fieldsOf(await api.json('GET', path))
    if (!Array.isArray(sessions)) throw notLoom(api.address)
    found.push(...sessions)
    place = undefined
    if (typeof next === 'string') place = { from: next }
    if (typeof before === 'number') place = { before: String(before) }
  } while (place !== undefined && found.length < limit)
  print(world, flags, { sessions: found }, () => sessionRows(found))
  if (place !== undefined) {
    world.program.stderr.write(`loom: There are more sessions than --limit ${limit}.\n`)
  }
}

export async function inspect(world: CommandWorld, id: string, flags: AdminFlags): Promise<void> {
  const api = apiOf(world, flags)
  const { tenant } = flags
  const session = fieldsOf(await api.json('GET', at(sessionPath(id), { tenant })))
  const inspection = fieldsOf(await api.json('GET', at(`${sessionPath(id)}/inspect`, { tenant })))
  print(world, flags, { ...session, inspection }, () => inspectionText(session, inspection))
}

export async function stop(world: CommandWorld, id: string, flags: AdminFlags): Promise<void> {
  const path = at(`${sessionPath(id)}/stop`, { tenant: flags.tenant })
  const result = await apiOf(world, flags).json('POST', path)
  const { stopped } = fieldsOf(result)
  print(world, flags, result, () => (stopped === true ? 'Stopped.\n' : 'No answer ran.\n'))
}

/** @throws LoomError `not-found` */
export async function remove(world: CommandWorld, id: string, flags: AdminFlags): Promise<void> {
  await apiOf(world, flags).json('DELETE', at(sessionPath(id), { tenant: flags.tenant }))
  print(world, flags, { deleted: id }, () => 'Deleted.\n')
}

/** Prints the export as fast as the reader of stdout reads, until the reader closes its end. */
export async function exportAll(world: CommandWorld, flags: AdminFlags): Promise<void> {
  const { tenant, subject } = flags
  const api = apiOf(world, flags)
  const body = await api.body(at('/export', { tenant, subject }))
  try {
    await pipeline(body, world.program.stdout, { end: false })
  } catch (error) {
    // `loom admin export | head`: the reader has what it wanted.
    if (!(error instanceof Error && isReaderGone(error))) throw error
  }
}

export async function auditTrail(world: CommandWorld, flags: AdminFlags): Promise<void> {
  const api = apiOf(world, flags)
  const limit = limitIn(flags, 100)
  const found: unknown[] = []
  let before: string | undefined
  do {
    const page = String(Math.min(limit - found.length, pageMax))
    const path = at('/audit', { tenant: flags.tenant, before, limit: page })
    const { events, before: next } = fieldsOf(await api.json('GET', path))
    if (!Array.isArray(events)) throw notLoom(api.address)
    found.push(...events)
    before = typeof next === 'string' ? next : undefined
  } while (before !== undefined && found.length < limit)
  print(world, flags, { events: found }, () => auditRows(found))
}

export async function instances(world: CommandWorld, flags: AdminFlags): Promise<void> {
  const api = apiOf(world, flags)
  const list = await api.json('GET', '/instances')
  const { instances } = fieldsOf(list)
  if (!Array.isArray(instances)) throw notLoom(api.address)
  print(world, flags, list, () => instanceRows(instances))
}

/** Waits until the instance has begun to drain. @throws LoomError `not-found`, `refused`, `unavailable` */
export async function drain(world: CommandWorld, id: string, flags: AdminFlags): Promise<void> {
  const api = apiOf(world, flags)
  await api.json('POST', `/instances/${encodeURIComponent(id)}/drain`)
  const deadline = performance.now() + drainMs
  while (performance.now() < deadline) {
    const { instances } = fieldsOf(await api.json('GET', '/instances'))
    const list = Array.isArray(instances) ? instances.map(fieldsOf) : []
    const instance = list.find((each) => each['id'] === id)
    if (instance === undefined || instance['draining'] === true) {
      return print(world, flags, instance ?? { id }, () => 'The instance drains.\n')
    }
    await delay(lookEveryMs)
  }
  throw new LoomError(
    'unavailable',
    `The instance did not begin to drain within ${drainMs / 1000} s.`,
  )
}

/** Returns the exit code. @throws LoomError `invalid-request` without a name, or without a terminal to confirm it */
export async function erase(world: CommandWorld, flags: AdminFlags): Promise<number> {
  const { subject } = flags
  const api = apiOf(world, flags)
  const tenant = erasedTenant(flags)
  const name = subject ?? (tenant === '' ? everything : tenant)
  if (name === undefined) {
    throw new LoomError(
      'invalid-request',
      'Name what to erase: --subject NAME or --tenant NAME, or --all on a server without tenants.',
    )
  }
  const what = whatOf(subject, tenant)
  const consent = flags.yes === true ? 'yes' : await confirms(world.program, what, name)
  if (consent !== 'yes') {
    world.program.stderr.write('loom: Nothing was erased.\n')
    return consent === 'no' ? exitCodes.usage : interruptedCode
  }
  const path = at('/erase', { tenant })
  const body = { ...(subject === undefined ? { tenant } : { subject }), confirm: name }
  const certificate = await api.json('POST', path, { body })
  print(world, flags, certificate, () => certificateText(certificate, what))
  return fieldsOf(certificate)['complete'] === true ? exitCodes.done : exitCodes.failed
}

/**
 * Returns the tenant that the flags name: '' for `--all`.
 * @throws LoomError `invalid-request` for an empty name, which is more likely a variable that is not set
 */
function erasedTenant({ all, tenant, subject }: AdminFlags): string | undefined {
  if (all === true && (tenant !== undefined || subject !== undefined)) {
    throw new LoomError('invalid-request', 'Use --all without --tenant and --subject.')
  }
  if (tenant === '' && subject === undefined) {
    throw new LoomError(
      'invalid-request',
      'The name after --tenant is empty. Use --all to erase everything on a server without tenants.',
    )
  }
  return all === true ? '' : tenant
}

function whatOf(subject: string | undefined, tenant = ''): string {
  if (subject !== undefined) return `the subject ${subject}`
  return tenant === '' ? everything : `the tenant ${tenant}`
}

function print(
  { program }: CommandWorld,
  { json }: AdminFlags,
  value: unknown,
  text: () => string,
): void {
  program.stdout.write(json === true ? `${JSON.stringify(value)}\n` : text())
}

/** @throws LoomError `invalid-request` */
function limitIn({ limit = '' }: AdminFlags, otherwise: number): number {
  if (limit === '') return otherwise
  if (/^[1-9]\d{0,5}$/.test(limit)) return Number(limit)
  throw new LoomError('invalid-request', `--limit ${limit} is not a whole number above 0.`)
}
