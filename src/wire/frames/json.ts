/**
 * JSON that every AI SDK client accepts. Their parsers throw at an own `__proto__` key and at a
 * `constructor` with a `prototype` anywhere in a chunk. One such key in a tool's output would end
 * the whole stream, so it is left out.
 */

// Escaped quotes do not match, so a text about these keys stays on the fast path.
const suspicious = /"(?:__proto__|constructor)":/

export function toSafeJson(value: unknown): string {
  const json = JSON.stringify(value)
  return suspicious.test(json) ? JSON.stringify(value, withoutPrototypes) : json
}

/** A replacer for `JSON.stringify` that leaves out the keys that make a client throw. */
export function withoutPrototypes(key: string, value: unknown): unknown {
  if (key === '__proto__') return undefined
  // The parsers of older clients read fields of `constructor` without a check for null.
  if (key === 'constructor' && value === null) return undefined
  if (key === 'constructor' && typeof value === 'object' && value !== null) {
    const { prototype: _, ...rest } = value as { prototype?: unknown } // any object has this type
    return rest
  }
  return value
}
