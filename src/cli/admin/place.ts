/** The server that `loom admin` governs, and the address of its routes. */
import { LoomError } from '../../ground/error.ts'
import type { CommandWorld } from '../app.ts'
import { Api } from '../remote/api.ts'

/** The options of the subcommands. Each has some of them. */
export interface AdminFlags {
  url?: string
  tenant?: string
  subject?: string
  limit?: string
  json?: boolean
  yes?: boolean
  all?: boolean
}

/** An erasure waits for turns that end, and reads the names of all keys. In milliseconds. */
const replyMs = 10 * 60_000

/** @throws LoomError `invalid-request` without an address */
export function apiOf({ program }: CommandWorld, { url }: AdminFlags): Api {
  const { LOOM_URL: setting = '', LOOM_API_KEY: key = '' } = program.env
  const address = url ?? setting
  if (address === '') {
    throw new LoomError('invalid-request', 'Name the server: --url ADDRESS, or LOOM_URL.')
  }
  const apiKey = key === '' ? undefined : key
  return new Api({ url: address, apiKey, path: '/api/admin', replyMs })
}

/** A path with the parameters that have a value. */
export function at(path: string, parameters: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined)
  const query = new URLSearchParams(given.map(([name, value = '']) => [name, value])).toString()
  return query === '' ? path : `${path}?${query}`
}

export const sessionPath = (id: string): string => `/sessions/${encodeURIComponent(id)}`
