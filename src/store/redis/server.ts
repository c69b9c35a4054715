/**
 * Checks, when the store opens, whether this Redis is suitable and keeps its data. A managed Redis may
 * forbid INFO; then there is no check, and a warning says so.
 */
import type { Cluster, Redis } from 'ioredis'

import { LoomError } from '../../ground/error.ts'
import type { RedisClient } from './client.ts'
import { replyCode } from './patience.ts'
import type { RedisAddress } from './url.ts'

/** The first version with sharded pub/sub, and with scripts whose errors keep their codes. */
const oldest = [7, 0] as const

/**
 * @returns warnings, one line each
 * @throws LoomError `invalid-config` if the server is not suitable
 */
export async function checkServer(client: RedisClient, { kind }: RedisAddress): Promise<string[]> {
  const servers = 'nodes' in client ? mastersOf(client) : [client]
  const texts = await Promise.all(servers.map((server) => server.info().catch(textOfRefusal)))
  const warnings = texts.flatMap((text) => {
    if (text === undefined) return [unread]
    const info = fieldsOf(text)
    refuseOld(info.get('redis_version'))
    if (kind !== 'cluster' && info.get('redis_mode') === 'cluster') {
      throw new LoomError('invalid-config', 'This Redis is a cluster: use redis+cluster://…')
    }
    return warningsOf(info)
  })
  return [...new Set(warnings)]
}

/** Returns undefined if Redis refuses the command. A Redis that does not answer now is no reason for a warning. */
const textOfRefusal = (error: unknown) => (replyCode(error) === undefined ? '' : undefined)

const unread =
  'Redis refuses INFO, so Loom could not read its version and its maxmemory-policy. Allow the user of the URL the ' +
  'command +info, or make sure that the policy is noeviction: another one drops conversations when Redis is full.'

const mastersOf = (cluster: Cluster): Redis[] => cluster.nodes('master')

function refuseOld(version: string | undefined): void {
  if (version === undefined) return
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return
  throw new LoomError(
    'invalid-config',
    `Redis ${version} is too old: ${oldest.join('.')} is needed`,
  )
}

function warningsOf(info: ReadonlyMap<string, string>): string[] {
  const policy = info.get('maxmemory_policy')
  if (policy === undefined || policy === 'noeviction') return []
  return [
    `Redis drops keys when it is full (maxmemory-policy ${policy}), and conversations with them: ` +
      'set maxmemory-policy noeviction.',
  ]
}

function fieldsOf(text: string): Map<string, string> {
  const lines = text.split('\r\n').map((line) => /^(\w+):(.*)$/.exec(line))
  return new Map(lines.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : [])))
}
