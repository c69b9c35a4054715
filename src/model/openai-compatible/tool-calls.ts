/**
 * Builds the tool calls of a streamed answer from their deltas. `known-calls.ts` decides which call a
 * delta belongs to. A call is complete only at the end of the stream: arguments that parse may be the
 * start of longer ones.
 */
import type {
  JSONObject,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import { InvalidResponseDataError } from '@ai-sdk/provider'

import { jsonValueOf } from '../../ground/json.ts'
import { isEmptyInput } from '../empty-input.ts'
import { type Evidence, KnownCalls, type ToolCall } from './known-calls.ts'
import { StructuredText } from './structured-text.ts'
import type { ToolCallDelta } from './tool-call-delta.ts'
import { type ReplyForm, signatureIn } from './wire-form.ts'

/** A call whose name has not arrived yet. */
interface UnnamedCall {
  id: string | null | undefined
  input: string
  signed: JSONObject | undefined
}

export class ToolCalls {
  readonly #metadataKey: string
  readonly #newId: () => string
  readonly #form: ReplyForm
  readonly #calls = new KnownCalls()
  readonly #usedIds = new Set<string>()
  readonly #unnamed = new Map<number, UnnamedCall>()
  readonly #named = new Set<number>()

  constructor(
    { metadataKey, newId }: { metadataKey: string; newId: () => string },
    form: ReplyForm,
  ) {
    this.#metadataKey = metadataKey
    this.#newId = newId
    this.#form = form
  }

  get isEmpty(): boolean {
    return this.#calls.isEmpty && this.#unnamed.size === 0
  }

  /** @throws InvalidResponseDataError if a call has no name. */
  add(delta: ToolCallDelta, parts: LanguageModelV4StreamPart[]): void {
    const { index } = delta
    if (index != null && this.#named.has(index)) {
      this.#place(delta, parts)
      return
    }
    if (index == null && !this.#isStartWithoutIndex(delta)) {
      this.#place(delta, parts)
      return
    }
    const named = this.#withName(index ?? withoutIndex, delta)
    if (named !== undefined) this.#place(named, parts)
  }

  /**
   * Ends every call. In an answer that was cut off, only calls with complete arguments are returned:
   * missing arguments, or a placeholder, would count as no arguments.
   * @throws InvalidResponseDataError if a call has no name.
   */
  finish(parts: LanguageModelV4StreamPart[], { cutOff }: { cutOff: boolean }): void {
    for (const [index, { id, input }] of this.#unnamed) {
      const known = index === withoutIndex ? null : index
      this.#place({ index: known, id: id ?? null, function: { arguments: input } }, parts)
    }
    // The first returned call carries the form of the whole message.
    let ofMessage = this.#form.ofMessage
    for (const call of this.#calls.inOrder()) {
      const { id, name } = call
      const input = wholeInput(call)
      if (cutOff && (isEmptyInput(input) || !new StructuredText(input).isComplete)) continue
      parts.push({ type: 'tool-input-end', id })
      parts.push({
        type: 'tool-call',
        toolCallId: id,
        toolName: name,
        input,
        ...this.#metadataOf(call, ofMessage),
      })
      ofMessage = undefined
    }
  }

  #metadataOf({ signed }: ToolCall, ofMessage: SharedV4ProviderMetadata | undefined) {
    const thoughtSignature = signatureIn(signed)
    const call = thoughtSignature === undefined ? undefined : this.#form.ofCall(signed ?? {})
    if (call === undefined && ofMessage === undefined) return undefined
    return {
      providerMetadata: {
        ...(thoughtSignature !== undefined && { [this.#metadataKey]: { thoughtSignature } }),
        loom: {
          ...ofMessage?.['loom'],
          ...(call !== undefined && { call: call['loom']?.['wire'] }),
        },
      },
    }
  }

  /**
   * Whether a delta without an index belongs to a call whose name will follow: some servers first send
   * the name as an empty text. A delta without any name is placed at once.
   */
  #isStartWithoutIndex({ function: callee }: ToolCallDelta): boolean {
    if (this.#unnamed.has(withoutIndex)) return true
    return callee.name != null && filled(callee.name) === undefined && this.#calls.isEmpty
  }

  /** Collects the deltas of an index until one has the name, which some servers send late. */
  #withName(index: number, delta: ToolCallDelta): ToolCallDelta | undefined {
    const unnamed = this.#unnamed.get(index) ?? {
      id: undefined,
      input: '',
      signed: undefined,
    }
    unnamed.id ??= delta.id
    unnamed.signed ??= delta.signed
    unnamed.input += delta.function.arguments ?? ''
    const { id, input, signed } = unnamed
    if (filled(delta.function.name) === undefined) {
      this.#unnamed.set(index, unnamed)
      return undefined
    }
    this.#unnamed.delete(index)
    if (index !== withoutIndex) this.#named.add(index)
    return {
      index: index === withoutIndex ? null : index,
      id: id ?? null,
      function: { name: delta.function.name ?? null, arguments: input },
      signed,
    }
  }

  #place(delta: ToolCallDelta, parts: LanguageModelV4StreamPart[]): void {
    const evidence = evidenceOf(delta)
    const match = this.#calls.match(evidence)
    if (match === 'unclear') return
    if (match !== 'new') {
      match.signed ??= delta.signed
      this.#append(match, evidence, parts)
    } else if (evidence.name !== undefined) {
      this.#start(delta, { ...evidence, name: evidence.name }, parts)
    } else if (delta.function.name == null) {
      const message = 'A tool call of the stream has no name.'
      throw new InvalidResponseDataError({ data: delta, message })
    }
  }

  #start(
    delta: ToolCallDelta,
    { index, id: wireId, name, text }: Evidence & { name: string },
    parts: LanguageModelV4StreamPart[],
  ): void {
    const id = wireId === undefined || this.#usedIds.has(wireId) ? this.#newId() : wireId
    this.#usedIds.add(id)
    const call: ToolCall = {
      id,
      name,
      index: index ?? undefined,
      input: new StructuredText(text),
      first: text,
      last: text,
      replaced: undefined,
      signed: delta.signed,
    }
    this.#calls.add(call, { index, id: wireId })
    parts.push({ type: 'tool-input-start', id, toolName: name })
    if (text !== '') parts.push({ type: 'tool-input-delta', id, delta: text })
  }

  #append(call: ToolCall, evidence: Evidence, parts: LanguageModelV4StreamPart[]): void {
    const { text } = evidence
    this.#calls.note(call, evidence)
    if (text === '') return
    if (call.first.trim() === '') call.first = text
    call.last = text
    const { isComplete, text: soFar } = call.input
    // A placeholder word after complete arguments adds nothing to them.
    if (isComplete && placeholderWord.test(text)) return
    // The text so far is a placeholder, or the new text repeats the whole arguments. In both cases
    // the new text replaces the old text and is not added to it.
    if (opensJson(text) && (isComplete || placeholderWord.test(soFar))) {
      if (!isEmptyInput(soFar)) call.replaced = soFar
      call.input = new StructuredText(text)
    } else call.input.append(text)
    parts.push({ type: 'tool-input-delta', id: call.id, delta: text })
  }
}

function evidenceOf({ index, id, function: callee }: ToolCallDelta): Evidence {
  return { index, id: filled(id), name: filled(callee.name), text: callee.arguments ?? '' }
}

const filled = (text: string | null | undefined) =>
  text == null || text.trim() === '' ? undefined : text.trim()

/** The key of a call without a name and without an index. */
const withoutIndex = -1

function opensJson(text: string): boolean {
  const code = text.charCodeAt(0)
  return code === 123 || code === 91 || (code <= 32 && /^\s*[[{]/.test(text))
}

/** The values, besides `{}`, that some servers send instead of arguments. */
const placeholderWord = /^\s*(?:null|"")\s*$/

/**
 * Some servers repeat the earlier pieces in each piece. Then the last piece is complete. Others send the
 * placeholder after the arguments. It does not replace them.
 */
function wholeInput({ input, first, last, replaced }: ToolCall): string {
  if (replaced !== undefined && isEmptyInput(input.text)) return replaced
  const repeats = last !== input.text && opensJson(last) && last.startsWith(first)
  return repeats && !isJson(input.text) && isJson(last) ? last : input.text
}

const isJson = (text: string) => jsonValueOf(text) !== undefined
