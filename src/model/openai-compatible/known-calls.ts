/**
 * The tool calls of a streamed answer so far, and the choice of the call that a delta continues. Servers
 * differ much: some send no index, some the same index for all calls, some send ids only once, or a new
 * id with each delta, or the same id for all. The rules are those of `@ai-sdk/openai-compatible`.
 */
import type { JSONObject } from '@ai-sdk/provider'

import type { StructuredText } from './structured-text.ts'

export interface ToolCall {
  id: string
  name: string
  index: number | undefined
  input: StructuredText
  /** The first and the last delta of the input that are not empty. */
  first: string
  last: string
  /** Complete arguments that a later delta replaced. */
  replaced: string | undefined
  /** The fields that hold the signature of the call's reasoning, unchanged. */
  signed: JSONObject | undefined
}

/** The fields of a delta that identify its call. */
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

  /** Records an index and an id of the call, which may have others already. */
  note(call: ToolCall, { index, id }: Pick<Evidence, 'index' | 'id'>): void {
    if (index != null) note(this.#byIndex, index, call)
    if (id !== undefined) note(this.#byId, id, call)
  }

  /** Returns the call that a delta continues; `unclear` if several are possible. */
  match(evidence: Evidence): Match {
    const { index, id, name, text } = evidence
    const atIndex = index == null ? undefined : this.#byIndex.get(index)
    if (id === undefined) {
      // The usual case: an index and a piece of the arguments.
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
    // Some servers repeat a complete call after its deltas.
    if (alike.some(({ input }) => input.text === evidence.text)) return 'unclear'
    // The same id at another index with a name is a new call: some servers reuse ids.
    if (name !== undefined) return 'new'
    return atIndex === undefined ? choose(withId, false) : 'unclear'
  }

  /** The calls in the order of their indexes, if all calls have one. */
  inOrder(): readonly ToolCall[] {
    if (!this.#calls.every((call) => call.index !== undefined)) return this.#calls
    return this.#calls.toSorted((a, b) => (a.index ?? 0) - (b.index ?? 0))
  }
}

/** A name together with the start of a JSON object or array starts a call. */
const startsCall = ({ name, text }: Evidence) => name !== undefined && /^\s*[[{]/.test(text)

function ofName(calls: readonly ToolCall[], name: string | undefined): readonly ToolCall[] {
  return name === undefined ? calls : calls.filter((call) => call.name === name)
}

/**
 * Returns the call that a delta continues. A delta that looks like the start of a call continues one
 * only if the arguments of that call are incomplete.
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
