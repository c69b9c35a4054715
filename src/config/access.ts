/** The settings of callers beside API keys: JWTs, a proxy that authenticates, and tokens for browsers. */
import { z } from 'zod/v4'

import { LoomError } from '../ground/error.ts'
import { type ApiKey, digestOf } from './api-keys.ts'

export interface JwtConfig {
  /** The secret of tokens with the algorithm HS256. */
  secret: string | undefined
  /** The address of the public keys of the issuer. */
  jwksUrl: URL | undefined
  issuer: string | undefined
  /** A token must be for one of these. Empty accepts every audience. */
  audiences: readonly string[]
  /** The names of the claims. */
  claims: {
    /** Undefined takes `tenant` if a token has it, and else the tenant ''. */
    tenant: string | undefined
    subject: string
    scopes: string
  }
}

/** The headers of a proxy that authenticates. */
export interface ProxyConfig {
  /** The secret that the proxy sends in `secretHeader`. Undefined only on loopback. */
  secret: string | undefined
  secretHeader: string
  subjectHeader: string
  /** Undefined: all users are of the tenant ''. */
  tenantHeader: string | undefined
  /** Undefined: all users have the scope `chat`. */
  scopesHeader: string | undefined
}

export interface AccessConfig {
  /** Undefined accepts no JWT. */
  jwt: JwtConfig | undefined
  /** Undefined trusts no header. */
  proxy: ProxyConfig | undefined
  /** The keys of operators, who govern all tenants and have no sessions. */
  operatorKeys: readonly ApiKey[]
  /** The secrets of tokens for browsers. The first one signs. Without any, plain API keys sign. */
  tokenSecrets: readonly string[]
}

/** The shortest secret, in characters: as many bytes as the hash of HS256 has (RFC 7518, 3.2). */
const secretMin = 32

const secret = () =>
  z.string().min(secretMin, `must have at least ${secretMin} characters; \`loom key\` prints one`)

const headerName = () =>
  z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, 'must be the name of a header, of letters, digits and -')
    .transform((name) => name.toLowerCase())

/** The settings by their names, for the schema in `config.ts`. */
export const jwksUrlSetting = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isLocal(url.hostname))
  if (url !== undefined && isSafe && url.username === '' && url.password === '') return url
  context.addIssue(
    'must begin with https:// and have no password; http:// is allowed for this machine only, because an attacker who changes the keys on their way can sign tokens',
  )
  return z.NEVER
})

const isLocal = (host: string) => /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/i.test(host)

export const secretSetting = secret
export const headerSetting = headerName

export const tokenSecretsSetting = z
  .string()
  .default('')
  .transform((list, context) => {
    const secrets = list
      .split(',')
      .map((each) => each.trim())
      .filter((each) => each !== '')
    if (secrets.every((each) => each.length >= secretMin)) return secrets
    context.addIssue(
      `must list secrets of at least ${secretMin} characters, separated by commas; \`loom key\` prints one`,
    )
    return z.NEVER
  })

/** The values that the schema in `config.ts` has read. */
export interface AccessSettings {
  HOST: string
  LOOM_AUTH?: 'none' | 'proxy' | undefined
  LOOM_API_KEYS: readonly ApiKey[]
  LOOM_OPERATOR_KEYS: readonly ApiKey[]
  LOOM_JWT_SECRET?: string | undefined
  LOOM_JWKS_URL?: URL | undefined
  LOOM_JWT_ISSUER?: string | undefined
  LOOM_JWT_AUDIENCE?: string | undefined
  LOOM_JWT_TENANT_CLAIM?: string | undefined
  LOOM_JWT_SUBJECT_CLAIM: string
  LOOM_JWT_SCOPES_CLAIM: string
  LOOM_PROXY_SECRET?: string | undefined
  LOOM_PROXY_SECRET_HEADER: string
  LOOM_PROXY_SUBJECT_HEADER: string
  LOOM_PROXY_TENANT_HEADER?: string | undefined
  LOOM_PROXY_SCOPES_HEADER?: string | undefined
  LOOM_TOKEN_SECRET: string[]
}

/** @throws LoomError `invalid-config` for settings that nothing would use, or that would leave the server open */
export function accessOf(
  set: AccessSettings,
  given: Readonly<Record<string, string | undefined>>,
  isLoopback: (host: string) => boolean,
): AccessConfig {
  const jwt = jwtOf(set)
  const proxy = set.LOOM_AUTH === 'proxy' ? proxyOf(set) : undefined
  const named = (prefix: RegExp) => Object.keys(given).find((name) => prefix.test(name))
  const idle =
    (jwt === undefined ? named(/^LOOM_JWT_/) : undefined) ??
    (proxy === undefined ? named(/^LOOM_PROXY_/) : undefined)
  if (idle !== undefined) {
    throw new LoomError(
      'invalid-config',
      idle.startsWith('LOOM_JWT')
        ? `${idle} has no effect without LOOM_JWT_SECRET or LOOM_JWKS_URL: set one of them, or unset it.`
        : `${idle} has no effect without LOOM_AUTH=proxy: set this, or unset it.`,
    )
  }
  if (proxy !== undefined && proxy.secret === undefined && !isLoopback(set.HOST)) {
    throw new LoomError(
      'invalid-config',
      `HOST ${set.HOST} lets other machines send the headers that LOOM_AUTH=proxy trusts: set LOOM_PROXY_SECRET, and let the proxy send it in the header ${proxy.secretHeader}, or use HOST=127.0.0.1.`,
    )
  }
  if (set.LOOM_TOKEN_SECRET.length > 0 && set.LOOM_API_KEYS.length === 0) {
    throw new LoomError(
      'invalid-config',
      'LOOM_TOKEN_SECRET has no effect without LOOM_API_KEYS, because only an API key can make tokens: set a key, or unset it.',
    )
  }
  const { LOOM_OPERATOR_KEYS: operatorKeys, LOOM_TOKEN_SECRET: tokenSecrets } = set
  const access = { jwt, proxy, operatorKeys, tokenSecrets }
  checkOperators(set, access)
  return access
}

/** @throws LoomError `invalid-config` */
function checkOperators({ LOOM_API_KEYS: apiKeys }: AccessSettings, access: AccessConfig): void {
  const { operatorKeys } = access
  if (operatorKeys.length > 0 && !needsCredential({ apiKeys, access })) {
    throw new LoomError(
      'invalid-config',
      'LOOM_OPERATOR_KEYS has no effect on a server that everybody may govern: set LOOM_API_KEYS, LOOM_JWT_SECRET, LOOM_JWKS_URL or LOOM_AUTH=proxy too, or unset it.',
    )
  }
  const known = new Set(apiKeys.map(({ key }) => digestOf(key).toString('hex')))
  if (operatorKeys.some(({ key }) => known.has(digestOf(key).toString('hex')))) {
    throw new LoomError(
      'invalid-config',
      'LOOM_OPERATOR_KEYS must not have a key of LOOM_API_KEYS: a request has one principal.',
    )
  }
}

function jwtOf(set: AccessSettings): JwtConfig | undefined {
  const { LOOM_JWT_SECRET: jwtSecret, LOOM_JWKS_URL: jwksUrl } = set
  if (jwtSecret === undefined && jwksUrl === undefined) return undefined
  const audiences = (set.LOOM_JWT_AUDIENCE ?? '').split(',').map((each) => each.trim())
  return {
    secret: jwtSecret,
    jwksUrl,
    issuer: set.LOOM_JWT_ISSUER,
    audiences: audiences.filter((each) => each !== ''),
    claims: {
      tenant: set.LOOM_JWT_TENANT_CLAIM,
      subject: set.LOOM_JWT_SUBJECT_CLAIM,
      scopes: set.LOOM_JWT_SCOPES_CLAIM,
    },
  }
}

const proxyOf = (set: AccessSettings): ProxyConfig => ({
  secret: set.LOOM_PROXY_SECRET,
  secretHeader: set.LOOM_PROXY_SECRET_HEADER,
  subjectHeader: set.LOOM_PROXY_SUBJECT_HEADER,
  tenantHeader: set.LOOM_PROXY_TENANT_HEADER,
  scopesHeader: set.LOOM_PROXY_SCOPES_HEADER,
})

/** Whether a principal may be of a named tenant: each API key is one, and a JWT or the proxy may name one. */
export const hasTenants = ({
  apiKeys,
  access: { jwt, proxy },
}: {
  apiKeys: readonly ApiKey[]
  access: AccessConfig
}): boolean => apiKeys.length > 0 || jwt !== undefined || proxy?.tenantHeader !== undefined

/** Whether a bearer credential can name a caller. */
export const takesBearer = ({
  apiKeys,
  access: { jwt, operatorKeys },
}: {
  apiKeys: readonly ApiKey[]
  access: AccessConfig
}): boolean => apiKeys.length > 0 || jwt !== undefined || operatorKeys.length > 0

/** Whether callers need a credential. */
export const needsCredential = (config: {
  apiKeys: readonly ApiKey[]
  access: AccessConfig
}): boolean =>
  config.apiKeys.length > 0 || config.access.jwt !== undefined || config.access.proxy !== undefined
