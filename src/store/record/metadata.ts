/**
 * The compact form of the metadata of an answer (`AnswerMetadata`): a list with a place for each usual field. A field with
 * another name or an unusual value is in an object at the end of the list. Other metadata stay as they are.
 */
import { isFields } from '../../ground/fields.ts'
import {
  compactCost,
  compactSteps,
  compactUsage,
  isWholeStep,
  numberIn,
  wholeStep,
  wholeUsage,
} from './usage.ts'

/** The fields with a place, in the order of the list. */
const names = [
  'agent',
  'createdAt',
  'model',
  'durationMs',
  'timeToFirstTokenMs',
  'steps',
  'usage',
  'stepUsage',
  'outcome',
  'cost',
] as const

type Name = (typeof names)[number]

const places = new Map<string, number>(names.map((name, place) => [name, place]))

/** In the place of `stepUsage`: the only step has the usage, the model and the cost of the whole message. */
const wholeMessageStep = 1

/** In the place of `outcome`. */
const finished = 0

/** @returns undefined for a list, which would be read as a compact form */
export function compactMetadata(metadata: unknown): unknown {
  if (!isFields(metadata)) return Array.isArray(metadata) ? undefined : metadata
  const list: unknown[] = []
  let others: Record<string, unknown> | undefined
  for (const field of Object.keys(metadata)) {
    // As a field of another object, it would set the prototype.
    if (field === '__proto__') return metadata
    const value = metadata[field]
    const place = places.get(field)
    const name = place === undefined ? undefined : names[place]
    const compact = name === undefined ? undefined : compactValue(name, value, metadata)
    if (place !== undefined && compact !== undefined) list[place] = compact
    else if (value !== undefined) others = { ...others, [field]: value }
  }
  if (list.length === 0) return metadata
  if (others !== undefined) list[names.length] = others
  return Array.from(list, (value) => value ?? null)
}

/** Returns undefined for an unusual value. */
function compactValue(
  name: Name,
  value: unknown,
  metadata: Readonly<Record<string, unknown>>,
): unknown {
  switch (name) {
    case 'agent':
    case 'model':
      return typeof value === 'string' ? value : undefined
    case 'createdAt':
    case 'durationMs':
    case 'timeToFirstTokenMs':
    case 'steps':
      return numberIn(value)
    case 'usage':
      return compactUsage(value)
    case 'stepUsage':
      return isWholeStep(value, metadata) ? wholeMessageStep : compactSteps(value)
    case 'outcome':
      if (value === 'finished') return finished
      return typeof value === 'string' ? value : undefined
    case 'cost':
      return compactCost(value)
  }
}

/** Returns the metadata in their own form. */
export function wholeMetadata(stored: unknown): unknown {
  if (!Array.isArray(stored)) return stored
  const list: unknown[] = stored
  const [agent, createdAt, model, durationMs, timeToFirstTokenMs, steps] = list
  const [usage, stepUsage, outcome, usd, others] = list.slice(6)
  const whole = wholeUsage(usage)
  const cost = isThere(usd) ? { usd } : undefined
  return {
    ...(isThere(agent) && { agent }),
    ...(isThere(createdAt) && { createdAt }),
    ...(isThere(model) && { model }),
    ...(isThere(durationMs) && { durationMs }),
    ...(isThere(timeToFirstTokenMs) && { timeToFirstTokenMs }),
    ...(isThere(steps) && { steps }),
    ...(whole !== undefined && { usage: whole }),
    ...(stepUsage === wholeMessageStep && {
      stepUsage: [{ model, usage: whole, ...(cost !== undefined && { cost }) }],
    }),
    ...(Array.isArray(stepUsage) && { stepUsage: stepUsage.map(wholeStep) }),
    ...(isThere(outcome) && { outcome: outcome === finished ? 'finished' : outcome }),
    ...(cost !== undefined && { cost }),
    ...(isFields(others) && others),
  }
}

const isThere = (value: unknown) => value !== undefined && value !== null
