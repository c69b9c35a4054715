/**
 * Converts the names of a server's tools to names that every provider accepts. A valid and unused name
 * stays the same, since models know the tools of popular servers by name.
 */
import { createHash } from 'node:crypto'

const lengthMax = 64

/** Returns a valid name that is not in `used`. */
export function freeName(name: string, serverName: string, used: ReadonlySet<string>): string {
  const plain = acceptable(name)
  if (!used.has(plain)) return plain
  const prefixed = acceptable(`${serverName}_${name}`)
  if (!used.has(prefixed)) return prefixed
  // Two names of one server may differ only in characters that providers refuse.
  return withHash(prefixed, `${serverName}/${name}`)
}

function acceptable(name: string): string {
  const replaced = name.replace(/[^a-zA-Z0-9_-]/g, '_')
  if (replaced === '') return withHash('tool', name)
  return replaced.length <= lengthMax ? replaced : withHash(replaced, name)
}

function withHash(name: string, source: string): string {
  const hash = createHash('sha256').update(source).digest('hex').slice(0, 8)
  return `${name.slice(0, lengthMax - 9)}_${hash}`
}
