/** The ids of sessions in the store. Each tenant has its own space of ids. */

/**
 * Returns the id of a tenant's session in the store, so that two tenants may use the same id. Ids of the
 * tenant without a name do not change, unless they look like an id of another tenant.
 */
export function storedId(tenant: string, id: string): string {
  if (tenant === '' && !id.startsWith('@')) return id
  return `${prefixOf(tenant)}${id}`
}

/** Returns the id by which the tenant names a session. */
export function publicId(tenant: string, stored: string): string {
  const prefix = prefixOf(tenant)
  return stored.startsWith(prefix) ? stored.slice(prefix.length) : stored
}

/**
 * Returns the tenant of a stored id, and the id by which the tenant names the session. An id that an earlier
 * version stored does not name its tenant: then the tenant is ''.
 */
export function namesOf(stored: string): { tenant: string; id: string } {
  const [, name] = /^@([^/]*)\//.exec(stored) ?? []
  if (name === undefined) return { tenant: '', id: stored }
  try {
    const tenant = decodeURIComponent(name)
    return { tenant, id: publicId(tenant, stored) }
  } catch {
    // Not an encoded name.
    return { tenant: '', id: stored }
  }
}

// Only visible characters: the id is part of idempotency keys, which tools send in HTTP headers.
const prefixOf = (tenant: string) => `@${encodeURIComponent(tenant.toWellFormed())}/`
