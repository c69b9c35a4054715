/**
 * The tool calls of a streamed answer so far, and which of them a delta continues. Servers agree on
 * little: some send no index, some one index for all calls, some ids only once, or anew with each delta,
 * or the same for all. The decision is that of `@ai-sdk/openai-compatible`.
 */
import type { JSONObject } from '@ai-sdk/provider'

import type { StructuredText } from './structured-text.ts'

export interface ToolCall {
  id: string
  name: string
  index: number | undefined
  input: StructuredText
  /** The first and the last piece of the input that are not empty. */
  first: string
  last: string
  /** Whole arguments that a later piece replaced. */
  replaced: string | undefined
  /** The fields that hold the signature of its thought, as they came. */
  signed: JSONObject | undefined
}

/** What a delta says about the call it belongs to. */
export interface Evidence {
  index: number | null | undefined
  id: string | undefined
  name: string | undefined
  text: string
}

type Match = ToolCall | 'new' | 'unclear'

export class KnownCalls {
  readonly #calls: ToolCall[] = []
  readonly #byIndex = new Map<number, ToolCall[]>()
  readonly #byId = new Map<string, ToolCall[]>()

  get isEmpty(): boolean {
    return this.#calls.length === 0
  }

  /** Adds a new call. */
  add(call: ToolCall, names: Pick<Evidence, 'index' | 'id'>): void {
    this.#calls.push(call)
    this.note(call, names)
  }

  /** The call has this index and this id, perhaps beside others. */
  note(call: ToolCall, { index, id }: Pick<Evidence, 'index' | 'id'>): void {
    if (index != null) note(this.#byIndex, index, call)
    if (id !== undefined) note(this.#byId, id, call)
  }

  /** The call that a delta continues; `unclear` where it may be one of several. */
  match(evidence: Evidence): Match {
    const { index, id, name, text } = evidence
    const atIndex = index == null ? undefined : this.#byIndex.get(index)
    if (id === undefined) {
      // The usual continuation: an index and a piece of arguments.
      if (atIndex !== undefined) return choose(ofName(atIndex, name), startsCall(evidence))
      return name === undefined ? choose(this.#calls, false) : 'new'
    }
    const alike = ofName(atIndex ?? [], name)
    const withId = this.#byId.get(id)
    if (withId !== undefined) return this.#matchKnownId(evidence, withId, atIndex)
    if (alike.length === 0 || startsCall(evidence)) return 'new'
    return choose(alike, name !== undefined && text.trim() === '')
  }

  #matchKnownId(
    evidence: Evidence,
    withId: readonly ToolCall[],
    atIndex: readonly ToolCall[] | undefined,
  ): Match {
    const { index, name } = evidence
    if (index == null) {
      return choose(ofName(withId, name), name !== undefined && startsCall(evidence))
    }
    const alike = ofName(atIndex ?? [], name).filter((call) => withId.includes(call))
    const match = choose(alike, startsCall(evidence))
    if (match !== 'new') return match
    // The same call once more, whole: some servers repeat it behind its pieces.
    if (alike.some(({ input }) => input.text === evidence.text)) return 'unclear'
    // The same id at another index is a new call if it has a name: some servers reuse ids.
    if (name !== undefined) return 'new'
    return atIndex === undefined ? choose(withId, false) : 'unclear'
  }

  /** By index, if all calls have one. */
  inOrder(): readonly ToolCall[] {
    if (!this.#calls.every((call) => call.index !== undefined)) return this.#calls
    return this.#calls.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))
  }
}

/** A name together with the opening of a JSON object or array begins a call. */
const startsCall = ({ name, text }: Evidence) => name !== undefined && /^\s*[[{]/.test(text)

function ofName(calls: readonly ToolCall[], name: string | undefined): readonly ToolCall[] {
  return name === undefined ? calls : calls.filter((call) => call.name === name)
}

/**
 * Which of these calls a delta continues. A delta that looks like the start of a call continues one
 * only if that still waits for the rest of its own arguments.
 */
function choose(calls: readonly ToolCall[], looksNew: boolean): Match {
  const [first] = calls
  if (first === undefined) return 'new'
  if (calls.length === 1 && !looksNew) return first
  const open = calls.filter((call) => !call.input.isComplete)
  if (open.length === 1 && open[0] !== undefined) return open[0]
  return open.length === 0 && looksNew ? 'new' : 'unclear'
}

function note<KEY>(calls: Map<KEY, ToolCall[]>, key: KEY, call: ToolCall): void {
  const known = calls.get(key)
  if (known === undefined) calls.set(key, [call])
  else if (!known.includes(call)) known.push(call)
}
