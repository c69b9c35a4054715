/**
 * Checks, when the store opens, whether the user of the URL may do what Loom does. Without this check a
 * user whose ACL lacks a right starts a server that fails at its first use, and the operator sees no reason.
 */
import { errorMessage, LoomError } from '../../ground/error.ts'
import type { Clients } from './client.ts'
import { leftChannel, registerKey } from './keys.ts'
import { replyCode } from './patience.ts'

/** Reads a key and publishes a hint that nothing reads. */
const script = `
redis.call('exists', KEYS[1])
return redis.call('spublish', KEYS[1] .. '!check', '')
`

/**
 * Returns nothing if Redis cannot answer now: then the first use waits for it.
 * @throws LoomError `invalid-config` that names the ACL rules which Loom needs
 */
export async function checkPermissions(
  { commands, subscriber }: Clients,
  keyPrefix: string,
): Promise<void> {
  const ends = await Promise.allSettled([
    commands.call('eval', [script, 1, registerKey]),
    subscriber.ssubscribe(leftChannel).then(() => subscriber.sunsubscribe(leftChannel)),
  ])
  for (const end of ends) {
    if (end.status === 'fulfilled' || !isRefusal(end.reason)) continue
    const names = `${keyPrefix}loom:*`
    throw new LoomError(
      'invalid-config',
      `Redis refuses commands of Loom: ${errorMessage(end.reason)}. Allow the user of the URL ` +
        `the keys ~${names}, the channels &${names} and the commands +@all -@admin -@dangerous +info.`,
      { cause: end.reason },
    )
  }
}

/** A script reports the refusal of one of its commands with another first word. */
const isRefusal = (error: unknown) =>
  replyCode(error) === 'NOPERM' ||
  (replyCode(error) !== undefined && /\bNOPERM\b|ACL failure/i.test(errorMessage(error)))
