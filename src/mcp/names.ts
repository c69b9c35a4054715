/**
 * Names that every provider accepts, from names that may be anything. A name that is free stays as it
 * is, since models know popular servers' tools by their names.
 */
import { createHash } from 'node:crypto'

const lengthMax = 64

export function freeName(name: string, serverName: string, used: ReadonlySet<string>): string {
  const plain = acceptable(name)
  if (!used.has(plain)) return plain
  const prefixed = acceptable(`${serverName}_${name}`)
  if (!used.has(prefixed)) return prefixed
  // Two names of one server that differ only in what no provider takes.
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
