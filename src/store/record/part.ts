/**
 * The compact form of a part of a message. A text is a string, the begin of a step is 0, and a finished tool call and a
 * finished reasoning are lists. Every other part is an object with its own names.
 */
import type { UIMessage } from 'ai'

type Part = UIMessage['parts'][number]

/** A list begins with the number of its kind. */
const kinds = { call: 1, reasoning: 2, text: 3 } as const

export type CompactPart =
  | string
  | 0
  | [kind: typeof kinds.call, toolName: string, toolCallId: string, input: unknown, output: unknown]
  | [kind: typeof kinds.reasoning, id: string, text: string, providerMetadata?: object]
  | [kind: typeof kinds.text, text: string, providerMetadata: object]
  | Part

/** A part with any fields. */
type AnyPart = Readonly<Record<string, unknown>>

/**
 * Returns the compact form. Returns undefined for a value that is no object: it would be read as another part.
 * @param isAnswer true for a part of an assistant's message, whose texts are usually `done`. Other texts usually have no state
 */
export function compactPart(part: Part, isAnswer: boolean): CompactPart | undefined {
  // A client may have stored any value in an earlier version.
  const value: unknown = part
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const size = Object.keys(part).length
  // The fields of a part depend on its type, which may be of a later AI SDK.
  const fields = part as AnyPart
  switch (part.type) {
    case 'step-start':
      return size === 1 ? 0 : part
    case 'text':
      return compactText(fields, size, isAnswer) ?? part
    case 'reasoning':
      return compactReasoning(fields, size) ?? part
    default:
      return compactCall(fields, size) ?? part
  }
}

function compactText(
  { text, state, providerMetadata }: AnyPart,
  size: number,
  isAnswer: boolean,
): CompactPart | undefined {
  if (typeof text !== 'string' || state !== (isAnswer ? 'done' : undefined)) return undefined
  const usual = isAnswer ? 3 : 2
  if (size === usual) return text
  return size === usual + 1 && isObject(providerMetadata)
    ? [kinds.text, text, providerMetadata]
    : undefined
}

function compactReasoning(
  { id, text, state, providerMetadata }: AnyPart,
  size: number,
): CompactPart | undefined {
  if (typeof id !== 'string' || typeof text !== 'string' || state !== 'done') return undefined
  if (size === 4) return [kinds.reasoning, id, text]
  return size === 5 && isObject(providerMetadata)
    ? [kinds.reasoning, id, text, providerMetadata]
    : undefined
}

function compactCall(
  { type, toolCallId, state, input, output }: AnyPart,
  size: number,
): CompactPart | undefined {
  if (typeof type !== 'string' || !type.startsWith('tool-')) return undefined
  if (size !== 5 || state !== 'output-available' || typeof toolCallId !== 'string') return undefined
  if (input === undefined || output === undefined) return undefined
  return [kinds.call, type.slice('tool-'.length), toolCallId, input, output]
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Returns the part in its own form. */
export function wholePart(part: CompactPart, isAnswer: boolean): Part {
  if (typeof part === 'string') return textPart(part, isAnswer)
  if (part === 0) return { type: 'step-start' }
  return Array.isArray(part) ? listedPart(part, isAnswer) : part
}

const textPart = (text: string, isAnswer: boolean): Part =>
  isAnswer ? { type: 'text', text, state: 'done' } : { type: 'text', text }

// Loom wrote the fields of these parts in the form of the AI SDK, which the types here do not express.
function listedPart(part: Extract<CompactPart, unknown[]>, isAnswer: boolean): Part
function listedPart(part: Extract<CompactPart, unknown[]>, isAnswer: boolean): unknown {
  switch (part[0]) {
    case kinds.call: {
      const [, toolName, toolCallId, input, output] = part
      return { type: `tool-${toolName}`, toolCallId, state: 'output-available', input, output }
    }
    case kinds.reasoning: {
      const [, id, text, providerMetadata] = part
      const more = providerMetadata === undefined ? undefined : { providerMetadata }
      return { type: 'reasoning', id, text, state: 'done', ...more }
    }
    case kinds.text: {
      const [, text, providerMetadata] = part
      return { ...textPart(text, isAnswer), providerMetadata }
    }
  }
}
