/**
 * Parses the URL of a Redis. A cluster and sentinels are lists of hosts, which no URL parser accepts. No
 * error may quote the URL, because it contains the password.
 */
import { LoomError } from '../../ground/error.ts'

export interface RedisHost {
  host: string
  port: number
}

export interface RedisAddress {
  kind: 'single' | 'cluster' | 'sentinel'
  hosts: readonly RedisHost[]
  tls: boolean
  username?: string
  password?: string
  /** The number of the database. A cluster has only database 0. */
  db: number
  /** `sentinel`: the name of the master. */
  name?: string
  sentinelUsername?: string
  sentinelPassword?: string
}

const form =
  /^(?<scheme>rediss?)(?:\+(?<kind>cluster|sentinel))?:\/\/(?:(?<user>[^@/?]*)@)?(?<hosts>[^/?@]+)(?:\/(?<path>[^?]*))?(?:\?(?<query>.*))?$/

/**
 * `redis://user:password@host:port/db`, `redis+cluster://host:port,host:port`,
 * `redis+sentinel://host:port,host:port/name/db?sentinelPassword=…`; `rediss` for TLS.
 * @throws LoomError `invalid-config`
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = form.exec(url)?.groups
  if (parts === undefined) {
    throw refused('must be redis://host:port, rediss://…, redis+cluster://… or redis+sentinel://…')
  }
  const kind = kindOf(parts['kind'])
  const [name, db] = kind === 'sentinel' ? split(parts['path'], '/') : ['', parts['path']]
  if (kind === 'sentinel' && name === '') throw refused('must end in the name of the master')
  if (kind === 'cluster' && db) throw refused('must not name a database: a cluster has one only')
  const hosts = (parts['hosts'] ?? '').split(',').map((host) => hostOf(host, kind))
  if (kind === 'single' && hosts.length > 1) throw refused('must name one host')
  return {
    kind,
    hosts,
    tls: parts['scheme'] === 'rediss',
    db: numberIn(db ?? '', 'database', 0, 0),
    ...credentials(parts['user']),
    ...(kind === 'sentinel' && { name: decoded(name), ...sentinelCredentials(parts['query']) }),
  }
}

function kindOf(kind: string | undefined): RedisAddress['kind'] {
  return kind === 'cluster' || kind === 'sentinel' ? kind : 'single'
}

function hostOf(text: string, kind: RedisAddress['kind']): RedisHost {
  const parts = /^(?:\[(?<six>[^\]]+)\]|(?<host>[^:]+))(?::(?<port>.*))?$/.exec(text)?.groups
  const host = parts?.['six'] ?? parts?.['host']
  if (parts === undefined || host === undefined) throw refused('has a host that cannot be read')
  return {
    host,
    port: numberIn(parts['port'] ?? '', 'port', kind === 'sentinel' ? 26379 : 6379, 1),
  }
}

function credentials(user: string | undefined): Partial<RedisAddress> {
  const [username, password] = split(user, ':')
  return {
    ...(username !== '' && { username: decoded(username) }),
    ...(password !== '' && { password: decoded(password) }),
  }
}

function sentinelCredentials(query: string | undefined): Partial<RedisAddress> {
  const values = new URLSearchParams(query)
  const [username, password] = [values.get('sentinelUsername'), values.get('sentinelPassword')]
  return {
    ...(username !== null && { sentinelUsername: username }),
    ...(password !== null && { sentinelPassword: password }),
  }
}

function numberIn(text: string, name: string, fallback: number, min: number): number {
  if (text === '') return fallback
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > 65_535) throw refused(`has a bad ${name}`)
  return value
}

function split(text: string | undefined, separator: string): [string, string] {
  const [first = '', ...rest] = (text ?? '').split(separator)
  return [first, rest.join(separator)]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw refused('has a % that is not followed by two hex digits')
  }
}

const refused = (reason: string) => new LoomError('invalid-config', `the Redis URL ${reason}`)
