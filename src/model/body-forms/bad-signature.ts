/**
 * Replaces reasoning signatures that a model refuses, because another model, route or key made them.
 * Gemini: "Corrupted thought signature", "Thought signature is not valid"; Anthropic: "Invalid
 * `signature` in `thinking` block". Only these signatures are replaced: later ones may be valid.
 */
import { createHash } from 'node:crypto'

import { isRecord } from '../openai-compatible/json-record.ts'
import { noSignature } from './missing-thought.ts'
import type { BodyRule } from './rule.ts'

const bad = String.raw`(?:invalid|corrupt\w*|not valid|malformed|mismatch\w*|cannot be (?:verified|decoded)|failed)`
const refusal = new RegExp(String.raw`${bad}[^.\n]{0,40}signature|signature[^.\n]{0,60}${bad}`, 'i')
const depthMax = 12

export const badSignature: BodyRule = ({ text }, body) => {
  if (!refusal.test(text)) return undefined
  const signatures = new Set<string>()
  collect(body, signatures, 0)
  if (signatures.size === 0) return undefined
  const digest = createHash('sha256')
    .update([...signatures].join('\n'))
    .digest('hex')
  return {
    key: `-signatures.${digest.slice(0, 16)}`,
    apply: (body) => replaced(body, signatures, 0),
  }
}

const isSignature = (name: string) => /^thought_?signature$|^signature$/i.test(name)

function collect(value: unknown, signatures: Set<string>, depth: number): void {
  if (!isRecord(value) || depth > depthMax) return
  for (const [name, inner] of Object.entries(value)) {
    if (isSignature(name) && typeof inner === 'string' && inner !== noSignature) {
      signatures.add(inner)
    } else collect(inner, signatures, depth + 1)
  }
}

/** Returns the same value if it has none of these signatures. A thinking block of Anthropic needs its own signature. */
function replaced<VALUE>(value: VALUE, signatures: ReadonlySet<string>, depth: number): VALUE
function replaced(value: unknown, signatures: ReadonlySet<string>, depth: number): unknown {
  if (!isRecord(value) || depth > depthMax) return value
  if (Array.isArray(value)) {
    const rest = value.filter((item: unknown) => !isThinking(item, signatures))
    const items = rest.map((item: unknown) => replaced(item, signatures, depth + 1))
    return items.length === value.length && items.every((item, index) => item === value[index])
      ? value
      : items
  }
  let isChanged = false
  const fields = Object.entries(value).map(([name, inner]: [string, unknown]) => {
    const isBad = isSignature(name) && typeof inner === 'string' && signatures.has(inner)
    const after = isBad ? noSignature : replaced(inner, signatures, depth + 1)
    isChanged ||= after !== inner
    return [name, after] as const
  })
  return isChanged ? Object.fromEntries(fields) : value
}

const isThinking = (value: unknown, signatures: ReadonlySet<string>) =>
  isRecord(value) &&
  /^(?:redacted_)?thinking$/.test(String(value['type'])) &&
  typeof value['signature'] === 'string' &&
  signatures.has(value['signature'])
