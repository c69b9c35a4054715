/** The form in which a client reads a response: its profile and its protocol, from the options or the request. */
import type { Context } from 'hono'

import { LoomError } from '../ground/error.ts'
import { type Profile, profiles, type Protocol, protocols } from './frames.ts'

/** The profile and the protocol of one reader. */
export interface Reading {
  profile: Profile | undefined
  protocol: Protocol
}

/**
 * Returns the profile and the protocol of the response: those of the options, otherwise of the request.
 * @throws LoomError `invalid-request` for an unknown profile or protocol
 */
export function readingOf(
  c: Context,
  options: { profile?: Profile; protocol?: Protocol },
): Reading {
  const profile = c.req.query('profile') ?? c.req.header('x-loom-profile')
  const protocol = c.req.query('protocol')
  return {
    profile: options.profile ?? oneOf(profiles, profile, 'profile'),
    protocol: options.protocol ?? oneOf(protocols, protocol, 'protocol') ?? 'ui',
  }
}

/** The answers that a client can give: one of ai 5 shows no approvals, and one of plain text shows no calls. */
export const answersOf = ({ profile, protocol }: Reading) => ({
  approvals: profile !== 'v5' && protocol === 'ui',
  clientTools: protocol !== 'text',
})

function oneOf<NAME extends string>(
  names: readonly NAME[],
  value: string | undefined,
  field: string,
): NAME | undefined {
  const name = names.find((name) => name === value)
  if (name !== undefined || value === undefined) return name
  throw new LoomError('invalid-request', `${field} must be one of ${names.join(', ')}.`)
}
