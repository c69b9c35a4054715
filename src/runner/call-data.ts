/**
 * The data parts that one tool call writes into its message (`ToolContext.write`). They are sent one after the
 * other, in the order of the calls of `write`, and before the outcome of the call.
 */
import type { JSONValue } from '@ai-sdk/provider'
import type { FlexibleSchema } from 'ai'

import { type DataPart, type DataSchemas, ownDataNames } from '../data-part.ts'
import type { EventOf } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { toJson } from '../ground/json.ts'
import { jsonFault } from '../ground/json/fault.ts'
import { isOnePiece } from '../ground/json/pieces.ts'
import { weightOf } from '../ground/json/weight.ts'
import type { Sink } from '../sink.ts'
import { outputLimits, outputOf } from './output-limits.ts'
import { type SchemaCheck, schemaCheck } from './schema-check.ts'

const dataLimits = {
  /** The parts of one call that may wait to be sent. */
  waiting: 1000,
  /** The parts of one call that the message keeps. */
  parts: 1000,
  /** The weight of all parts of one call that wait, and of all that the message keeps. */
  weight: 2 * outputLimits.characters,
  /** The characters of a type or an id. */
  name: 1000,
} as const

export type DataEvent = EventOf<`data-${string}`>

export interface CallDataOptions {
  emit: Sink
  /** The beginning of the ids of parts that have none: the id of the call, after those of the calls above it. */
  idPrefix: string
  /** Returns the schema of a name. Without one, any JSON value is data. */
  schemaOf: (name: string) => FlexibleSchema<unknown> | undefined
}

/** A part that was read. */
interface Prepared {
  weight: number
  /** Checks the part. */
  event: () => Promise<DataEvent>
}

export class CallData {
  readonly #options: CallDataOptions
  /** The write before the next one. It never rejects. */
  #last: Promise<void> = Promise.resolve()
  /** The first fault. It fails the call. */
  #fault: Error | undefined
  /** The fault of a part that waits. No part after it is sent. */
  #refusal: Error | undefined
  #isEnding = false
  #isClosed = false
  /** The number of parts without an id of their own. */
  #unnamed = 0
  readonly #waiting = { count: 0, weight: 0 }
  /** The weights of the parts that the message keeps, by type and id. */
  readonly #kept = new Map<string, number>()
  #keptWeight = 0

  constructor(options: CallDataOptions) {
    this.#options = options
  }

  /**
   * Sends a part. A fault also fails the call; see `settle`.
   * @param signal the signal of the call
   * @throws LoomError `invalid-request`; the reason of the signal; the failure of the sink
   */
  write(part: DataPart, signal: AbortSignal): Promise<void> {
    const sent = this.#next(signal, () => {
      const event = this.#eventOf(part)
      const name = event.type.slice('data-'.length)
      const schema = this.#options.schemaOf(name)
      // A small value is read now: the tool may change it after the call of `write`.
      const small = isOnePiece(event.data) ? smallJson(event) : undefined
      return {
        weight: weightOf(event.data, dataLimits.weight),
        event: async () => {
          const json = small ?? (await largeJson(event))
          return {
            ...event,
            data: schema === undefined ? json : await fitting(event, json, schema),
          }
        },
      }
    })
    return handled(sent)
  }

  /** Sends a part of a sub-agent, which is checked already. */
  forward(event: DataEvent, signal: AbortSignal): Promise<void> {
    const weight = weightOf(event.data, dataLimits.weight)
    return handled(this.#next(signal, () => ({ weight, event: () => Promise.resolve(event) })))
  }

  /** Takes no further part, and waits until the others are sent. @throws the first fault */
  async settle(): Promise<void> {
    await this.sent()
    if (this.#fault !== undefined) throw this.#fault
  }

  /** Takes no further part, and waits until the others are sent, or one has a fault. */
  sent(): Promise<void> {
    this.#isEnding = true
    return this.#last
  }

  /** Sends nothing more: clients have the outcome of the call. */
  close(): void {
    this.#isClosed = true
  }

  /** @param prepare reads the part at once, and returns its weight and the event */
  async #next(signal: AbortSignal, prepare: () => Prepared): Promise<void> {
    if (this.#isEnding) throw callOver()
    const fault = this.#fault ?? this.#refusal
    // A later part must not appear without the earlier one.
    if (fault !== undefined) throw fault
    const { weight, event } = this.#prepared(signal, prepare)
    this.#waiting.count++
    this.#waiting.weight += weight
    const sent = this.#last.then(() => this.#send(event, weight, signal))
    this.#last = sent
      .catch((error: unknown) => void (this.#fault ??= errorOf(error)))
      .finally(() => {
        this.#waiting.count--
        this.#waiting.weight -= weight
      })
    return sent
  }

  /** A part that is refused has its place in the order: those before it are sent. */
  #prepared(signal: AbortSignal, prepare: () => Prepared): Prepared {
    try {
      this.#checkOpen(signal)
      const prepared = prepare()
      this.#checkWaiting(prepared.weight)
      return prepared
    } catch (error) {
      const refusal = errorOf(error)
      this.#refusal = refusal
      return { weight: 0, event: () => Promise.reject(refusal) }
    }
  }

  async #send(event: Prepared['event'], weight: number, signal: AbortSignal): Promise<void> {
    if (this.#fault !== undefined) throw this.#fault
    const sent = await event()
    this.#checkOpen(signal)
    if (sent.transient !== true) this.#keep(sent, weight)
    await this.#options.emit(sent)
  }

  #eventOf(part: unknown): DataEvent {
    const { type, id, data, transient }: Partial<Record<string, unknown>> =
      typeof part === 'object' && part !== null ? { ...part } : {}
    if (!isDataType(type)) {
      throw fault('The type of a data part is "data-" and a name, such as "data-progress".')
    }
    if (ownDataNames.has(type.slice('data-'.length))) {
      throw fault(`"${type}" is a part of Loom's own. Choose another name.`)
    }
    if (id !== undefined && !isId(id)) {
      throw fault(`The id of "${type}" must be a text of 1 to ${dataLimits.name} characters.`)
    }
    if (transient !== undefined && typeof transient !== 'boolean') {
      throw fault(`"transient" of "${type}" must be true or false.`)
    }
    const notJson = jsonFault(data, 'data', outputLimits.values)
    if (notJson !== undefined) {
      throw fault(`The data of "${type}" is not JSON: ${notJson}. Send only JSON values.`)
    }
    return {
      type,
      id: id ?? `${this.#options.idPrefix}-${++this.#unnamed}`,
      data,
      // An explicit `false` would be a field of the stored part, and clients receive none.
      ...(transient === true && { transient }),
    }
  }

  #checkOpen(signal: AbortSignal): void {
    if (this.#isClosed) throw callOver()
    signal.throwIfAborted()
  }

  #checkWaiting(weight: number): void {
    const { waiting, weight: weightMax } = dataLimits
    if (this.#waiting.count < waiting && this.#waiting.weight + weight <= weightMax) return
    throw fault(
      `More than ${waiting.toLocaleString('en')} data parts, or too much data, wait to be sent. Await each write.`,
    )
  }

  #keep({ type, id = '' }: DataEvent, weight: number): void {
    const key = `${type} ${id}`
    const earlier = this.#kept.get(key)
    const total = this.#keptWeight + weight - (earlier ?? 0)
    if (earlier === undefined && this.#kept.size >= dataLimits.parts) {
      throw fault(
        `A call adds at most ${dataLimits.parts.toLocaleString('en')} data parts to its message. Give a part the id of an earlier one to replace it, or write transient parts.`,
      )
    }
    if (total > dataLimits.weight) {
      throw fault('The data parts of this call are too large together. Send less, or a link to it.')
    }
    this.#kept.set(key, weight)
    this.#keptWeight = total
  }
}

/** A tool need not await a write: its fault fails the call. */
function handled(sent: Promise<void>): Promise<void> {
  sent.catch(() => undefined)
  return sent
}

const errorOf = (error: unknown): Error =>
  error instanceof Error ? error : new Error(errorMessage(error), { cause: error })

const isId = (id: unknown): id is string =>
  typeof id === 'string' && id !== '' && id.length <= dataLimits.name && id.isWellFormed()

const isDataType = (type: unknown): type is DataEvent['type'] =>
  isId(type) && type.startsWith('data-') && type !== 'data-'

function smallJson({ type, data }: DataEvent): JSONValue {
  try {
    return toJson(data)
  } catch (cause) {
    throw fault(`The data of "${type}" is ${errorMessage(cause)}`, cause)
  }
}

const largeJson = ({ type, data }: DataEvent): Promise<JSONValue> =>
  outputOf(data, `the data of "${type}"`)

/** A schema is prepared once per object, and not once per part. */
const checks = new WeakMap<object, Promise<SchemaCheck>>()

async function fitting(
  { type }: DataEvent,
  json: JSONValue,
  schema: FlexibleSchema<unknown>,
): Promise<JSONValue> {
  const checked = await (await checkOf(schema))(json)
  if ('refusal' in checked) {
    throw fault(`The data of "${type}" does not fit its schema:\n${checked.refusal}`)
  }
  return outputOf(checked.value, `the data of "${type}"`)
}

function checkOf(schema: FlexibleSchema<unknown>): Promise<SchemaCheck> {
  const known = checks.get(schema)
  if (known !== undefined) return known
  const check = schemaCheck(schema)
  checks.set(schema, check)
  check.catch(() => checks.delete(schema))
  return check
}

/** The schema of a name: that of the tool, else that of its agent. */
export function schemaIn(
  name: string,
  schemas: readonly (DataSchemas | undefined)[],
): FlexibleSchema<unknown> | undefined {
  const owner = schemas.find((each) => each !== undefined && Object.hasOwn(each, name))
  return owner?.[name]
}

const callOver = () => fault('The call is over, so the data part was not sent. Await each write.')

const fault = (text: string, cause?: unknown) => new LoomError('invalid-request', text, { cause })
