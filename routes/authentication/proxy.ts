/**
 * The user of a request as a proxy names it, with `LOOM_AUTH=proxy`. The proxy must remove these headers from the
 * requests of its clients. A header that comes twice, or has more than one value, is refused: one of the values
 * may be the client's.
 */
import { timingSafeEqual } from 'node:crypto'

import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'

import type { ProxyConfig } from '../../src/config/access.ts'
import { sha256 } from '../../src/config/api-keys.ts'
import { LoomError } from '../../src/ground/error.ts'
import { isPrincipalName, type Principal } from '../../src/ground/principal.ts'
import { scopesIn } from './scope-words.ts'

/**
 * Returns undefined for a request that did not come through the proxy: it may have another credential.
 * @throws LoomError `unauthorized` for a wrong secret or a header that names no user
 */
export function proxyPrincipal(
  c: Context<{ Bindings?: Partial<HttpBindings> }>,
  config: ProxyConfig,
): Principal | undefined {
  const { secret, secretHeader, subjectHeader, tenantHeader, scopesHeader } = config
  const valueOf = (name: string | undefined) =>
    name === undefined ? undefined : singleValue(c, name)
  const given = valueOf(secretHeader)
  const subject = valueOf(subjectHeader)
  if (secret !== undefined && given === undefined) {
    // Without the secret, the header is the client's own.
    if (subject !== undefined) throw refused('the secret of the proxy is missing')
    return undefined
  }
  if (secret !== undefined && !timingSafeEqual(sha256(secret), sha256(given ?? ''))) {
    throw refused('the secret of the proxy is wrong')
  }
  if (subject === undefined) {
    if (secret === undefined) return undefined
    throw refused(`the proxy sent no ${subjectHeader}`)
  }
  const tenant = valueOf(tenantHeader)
  if (tenantHeader !== undefined && tenant === undefined) {
    throw refused(`the proxy sent no ${tenantHeader}`)
  }
  const scopes = valueOf(scopesHeader)
  return {
    tenant: tenant === undefined ? '' : nameIn(tenant),
    subject: nameIn(subject),
    scopes: scopesHeader === undefined ? ['chat'] : scopesIn(scopes ?? ''),
  }
}

/** @throws LoomError `unauthorized` */
function singleValue(
  c: Context<{ Bindings?: Partial<HttpBindings> }>,
  name: string,
): string | undefined {
  const value = c.req.header(name)
  if (value === undefined) return undefined
  const raw = c.env?.incoming?.rawHeaders ?? []
  const times = raw.filter((each, at) => at % 2 === 0 && each.toLowerCase() === name).length
  // Node.js joins the values of a header that comes twice.
  if (times > 1 || (times === 0 && value.includes(','))) throw refused(`${name} came twice`)
  return value
}

/** @throws LoomError `unauthorized` */
function nameIn(value: string): string {
  // A name in other characters than ASCII has no defined form in a header.
  if (isPrincipalName(value) && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value))
    return value
  throw refused('a header of the proxy has a value that is no name')
}

const refused = (reason: string) =>
  new LoomError('unauthorized', `The server does not know the sender of this request: ${reason}.`)
