/**
 * JSON that every AI SDK client reads. Their parsers throw at an own `__proto__` key and at a
 * `constructor` with a `prototype` anywhere in a chunk, so one such key in a tool's output would end
 * the whole stream; here it is left out.
 */

// Escaped quotes do not match, so text that talks about these keys stays on the fast path.
const suspicious = /"(?:__proto__|constructor)":/

export function toSafeJson(value: unknown): string {
  const json = JSON.stringify(value)
  return suspicious.test(json) ? JSON.stringify(value, withoutPrototypes) : json
}

/** For `JSON.stringify`: leaves the keys out that make a client throw. */
export function withoutPrototypes(key: string, value: unknown): unknown {
  if (key === '__proto__') return undefined
  // The parsers of older clients look into `constructor` without asking whether it is null.
  if (key === 'constructor' && value === null) return undefined
  if (key === 'constructor' && typeof value === 'object' && value !== null) {
    const { prototype: _, ...rest } = value as { prototype?: unknown } // any object has this type
    return rest
  }
  return value
}
