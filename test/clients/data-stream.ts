/**
 * A reader of the data stream of AI SDK 4, written from its protocol: lines of a code, a colon and
 * JSON. It is as strict as the client and builds the message that the client posts next.
 */
import { expect } from 'vitest'

import { isFields } from '../../src/ground/fields.ts'
import type { Fields } from '../../src/ground/fields.ts'

export interface Version4Message {
  id: string
  role: 'assistant'
  content: string
  parts: Part[]
  annotations: unknown[]
  data: unknown[]
}

export interface DataStream {
  message: Version4Message
  /** The value of `finish_message`. */
  finish: unknown
  /** The codes of all lines, in order. */
  codes: string
}

type Part =
  | { type: 'step-start' }
  | { type: 'text'; text: string }
  | { type: 'reasoning'; reasoning: string }
  | { type: 'source'; source: unknown }
  | { type: 'file'; mimeType: string; data: string }
  | { type: 'tool-invocation'; toolInvocation: ToolInvocation }

interface ToolInvocation {
  state: 'partial-call' | 'call' | 'result'
  toolCallId: string
  toolName: string
  args?: unknown
  result?: unknown
}

/** Throws for the error of a failed answer, and for any line that the client refuses. */
export function readDataStream(text: string): DataStream {
  expect(text.endsWith('\n'), 'the last line is whole').toBe(true)
  const reader = new Reader()
  for (const line of text.slice(0, -1).split('\n')) reader.take(line)
  return reader
}

class Reader implements DataStream {
  readonly message: Version4Message = {
    id: '',
    role: 'assistant',
    content: '',
    parts: [],
    annotations: [],
    data: [],
  }
  finish: unknown
  codes = ''

  take(line: string): void {
    const code = line.slice(0, 1)
    expect(line[1], line).toBe(':')
    const value: unknown = JSON.parse(line.slice(2))
    this.codes += code
    const read = readers[code]
    if (read === undefined) throw new Error(`no client knows the code of ${line}`)
    read(this, value)
  }

  /**
   * The texts of a step are one part, and so are its thoughts, unless another part is between them.
   */
  say(type: 'text' | 'reasoning', more: string): void {
    const last = this.message.parts.at(-1)
    if (type === 'text') this.message.content += more
    if (last?.type === 'text' && type === 'text') last.text += more
    else if (last?.type === 'reasoning' && type === 'reasoning') last.reasoning += more
    else if (type === 'text') this.message.parts.push({ type, text: more })
    else this.message.parts.push({ type, reasoning: more })
  }

  tool(toolCallId: string): ToolInvocation | undefined {
    const parts = this.message.parts.filter((part) => part.type === 'tool-invocation')
    return parts.find(({ toolInvocation }) => toolInvocation.toolCallId === toolCallId)
      ?.toolInvocation
  }

  call(toolInvocation: ToolInvocation): void {
    const known = this.tool(toolInvocation.toolCallId)
    if (known !== undefined) Object.assign(known, toolInvocation)
    else this.message.parts.push({ type: 'tool-invocation', toolInvocation })
  }
}

const readers: Readonly<Record<string, (reader: Reader, value: unknown) => void>> = {
  0: (reader, value) => reader.say('text', stringOf(value)),
  2: ({ message }, value) => void message.data.push(...listOf(value)),
  3: (_, value) => {
    throw new Error(stringOf(value))
  },
  8: ({ message }, value) => void message.annotations.push(...listOf(value)),
  9: (reader, value) => {
    const { args, ...names } = callOf(value)
    reader.call({ state: 'call', ...names, args: fieldsOf(args) })
  },
  a: (reader, value) => {
    const { toolCallId, result } = fieldsOf(value)
    const call = reader.tool(stringOf(toolCallId))
    if (call === undefined) throw new Error('a result must come after its call')
    Object.assign(call, { state: 'result', result })
  },
  b: (reader, value) => reader.call({ state: 'partial-call', ...namesOf(value) }),
  c: (reader, value) => {
    const { toolCallId, argsTextDelta } = fieldsOf(value)
    expect(reader.tool(stringOf(toolCallId))?.state).toBe('partial-call')
    stringOf(argsTextDelta)
  },
  d: (reader, value) => {
    stringOf(fieldsOf(value)['finishReason'])
    reader.finish = value
  },
  e: (_, value) => {
    const { finishReason, isContinued } = fieldsOf(value)
    stringOf(finishReason)
    expect(isContinued).toBe(false)
  },
  f: ({ message }, value) => {
    message.id = stringOf(fieldsOf(value)['messageId'])
    message.parts.push({ type: 'step-start' })
  },
  g: (reader, value) => reader.say('reasoning', stringOf(value)),
  h: ({ message }, source) => {
    const { sourceType, id, url } = fieldsOf(source)
    expect(sourceType).toBe('url')
    stringOf(id)
    stringOf(url)
    message.parts.push({ type: 'source', source })
  },
  k: ({ message }, value) => {
    const { data, mimeType } = fieldsOf(value)
    message.parts.push({ type: 'file', mimeType: stringOf(mimeType), data: stringOf(data) })
  },
}

function callOf(value: unknown) {
  return { ...namesOf(value), args: fieldsOf(value)['args'] }
}

function namesOf(value: unknown) {
  const { toolCallId, toolName } = fieldsOf(value)
  return { toolCallId: stringOf(toolCallId), toolName: stringOf(toolName) }
}

function stringOf(value: unknown): string {
  if (typeof value === 'string') return value
  throw new Error(`${JSON.stringify(value)} must be a string`)
}

function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw new Error(`${JSON.stringify(value)} must be a list`)
}

function fieldsOf(value: unknown): Fields {
  if (isFields(value)) return value
  throw new Error(`${JSON.stringify(value)} must be an object`)
}
