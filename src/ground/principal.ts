/**
 * The principal of a request: the tenant and the user for whom it acts, and what it may do. A session belongs
 * to one tenant, and to one subject of it if the principal that began it has a subject.
 */

/** The scopes. Each one includes those before it. */
export const scopeNames = ['read', 'chat', 'admin'] as const

/**
 * What a principal may do. `read`: read sessions and follow streams. `chat`: everything that a user does; it
 * includes `read`. `admin`: everything with the sessions of its tenant, and the routes of operators; it includes
 * `chat`.
 * @example
 * ```ts
 * import type { Scope } from 'loomkit'
 *
 * const scopesOf = (role: string): Scope[] => (role === 'guest' ? ['read'] : ['chat'])
 * ```
 */
export type Scope = (typeof scopeNames)[number]

/**
 * The principal of a request, as `principalOf` of `sessionRoutes` returns it.
 * @example
 * ```ts
 * import type { Principal } from 'loomkit'
 *
 * const ada: Principal = { tenant: 'acme', subject: 'ada', scopes: ['chat'] }
 * ```
 */
export interface Principal {
  /** The tenant, which has its own space of session ids; '' without authentication. */
  tenant: string
  /**
   * The user of the tenant. Without it, the principal acts for the whole tenant. @defaultValue the whole tenant
   */
  subject?: string
  /**
   * The only session that the principal may use, with its tasks, by the id by which the tenant names it.
   * @defaultValue every session of the subject
   */
  session?: string
  /**
   * The time at which its credential expires, in milliseconds since 1970. A stream of a whole session ends then.
   * @defaultValue never
   */
  expiresAt?: number
  /**
   * The name of an operator, who governs every tenant by the routes under `/api/admin` and has no other right. Its
   * tenant is '' and it has no scopes. @defaultValue no operator
   */
  operator?: string
  /** Whether the principal may make tokens for browsers: an API key of the server may. @defaultValue false */
  mintsTokens?: boolean
  /** What the principal may do. */
  scopes: readonly Scope[]
}

/** Returns the principal that may do everything with the sessions of a tenant. */
export const wholeTenant = (tenant: string): Principal => ({ tenant, scopes: scopeNames })

/** Whether a principal has a scope, or one that includes it. */
export function hasScope({ scopes }: Pick<Principal, 'scopes'>, scope: Scope): boolean {
  const least = scopeNames.indexOf(scope)
  return scopes.some((each) => scopeNames.indexOf(each) >= least)
}

/** Whether a text is the name of a scope. */
export const isScope = (name: unknown): name is Scope => scopeNames.some((scope) => scope === name)

/** The maximum length of the name of a tenant or a subject. */
export const principalNameMax = 256

/**
 * Whether a text can name a tenant or a subject: not empty, Unicode, without control characters. Names are
 * compared exactly, so two names that only look alike are two principals.
 */
export const isPrincipalName = (name: unknown): name is string =>
  typeof name === 'string' &&
  name !== '' &&
  name.length <= principalNameMax &&
  name.isWellFormed() &&
  !/\p{Cc}/u.test(name)
