/** The ids of sessions in the store: each tenant has ids of its own. */

/**
 * The id of a tenant's session in the store, so that two tenants may use the same id. Ids of the
 * tenant without a name stay as they are, unless they look like an id of another tenant.
 */
export function storedId(tenant: string, id: string): string {
  if (tenant === '' && !id.startsWith('@')) return id
  return `${prefixOf(tenant)}${id}`
}

/** The id that the tenant knows a session by. */
export function publicId(tenant: string, stored: string): string {
  const prefix = prefixOf(tenant)
  return stored.startsWith(prefix) ? stored.slice(prefix.length) : stored
}

// Visible characters only: the id is part of idempotency keys, which tools send in HTTP headers.
const prefixOf = (tenant: string) => `@${encodeURIComponent(tenant.toWellFormed())}/`
