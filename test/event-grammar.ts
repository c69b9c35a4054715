/**
 * The properties of the events of every run with any outcome: a client that reads them never throws
 * and never keeps a part that waits for an event which will not come.
 */
import { expect } from 'vitest'

import type { AgentEvent, EventOf, FinishReason, PartEvent } from '../src/event.ts'

export interface Expectations {
  /** Calls of earlier runs that this run may settle. */
  earlierCalls?: readonly string[]
}

/** Throws with all faults, each with the index of its event. */
export function expectWellFormed(
  events: readonly AgentEvent[],
  expectations: Expectations = {},
): void {
  expect(faultsOf(events, expectations)).toEqual([])
}

function faultsOf(
  events: readonly AgentEvent[],
  { earlierCalls = [] }: Expectations = {},
): string[] {
  const grammar = new Grammar(earlierCalls)
  for (const [index, event] of events.entries()) grammar.take(event, index)
  return grammar.end(events)
}

interface Call {
  state: 'streaming' | 'available' | 'asked' | 'done'
  /** Undefined if an earlier run sent the call. */
  dynamic: boolean | undefined
}

const finishReasons: readonly FinishReason[] = [
  'stop',
  'length',
  'content-filter',
  'tool-calls',
  'error',
  'other',
]

class Grammar {
  readonly #faults: string[] = []
  /** Open text and reasoning parts by id. */
  #open = new Map<string, 'text' | 'reasoning'>()
  readonly #ids = new Set<string>()
  #calls: Map<string, Call>
  /** The state at the last `start-step`, which `reset-step` restores. */
  #callsBefore = new Map<string, Call>()
  #inStep = false
  #over = false
  #ended = false
  #place = ''

  constructor(earlierCalls: readonly string[]) {
    this.#calls = new Map(earlierCalls.map((id) => [id, { state: 'asked', dynamic: undefined }]))
  }

  take(event: AgentEvent, index: number): void {
    this.#place = `${index} ${event.type}`
    if (this.#ended) this.#fault('comes after finish')
    else if (this.#over && event.type !== 'finish') this.#fault('comes after abort or error')
    if ((index === 0) !== (event.type === 'start')) this.#fault('start is first, and only there')
    const json: unknown = JSON.parse(JSON.stringify(event))
    try {
      expect(json).toStrictEqual(event)
    } catch {
      this.#fault('does not survive JSON')
    }
    this.#follow(event)
  }

  end(events: readonly AgentEvent[]): string[] {
    this.#place = 'end'
    const finish = events.at(-1)
    if (finish?.type !== 'finish') this.#fault('the last event is not finish')
    else this.#checkFinish(finish)
    return this.#faults
  }

  #follow(event: AgentEvent): void {
    switch (event.type) {
      case 'text-start':
      case 'reasoning-start':
        return this.#openPart(event.id, event.type === 'text-start' ? 'text' : 'reasoning')
      case 'text-delta':
      case 'reasoning-delta':
      case 'text-end':
      case 'reasoning-end':
        return this.#followPart(event)
      case 'tool-input-start':
        return this.#beginCall(event, 'streaming')
      case 'tool-input-delta':
        return this.#expectState(event.toolCallId, ['streaming'])
      case 'tool-input-available':
        return this.#wholeInput(event, 'available')
      case 'tool-input-error':
        return this.#wholeInput(event, 'done')
      case 'tool-output-available':
      case 'tool-output-error':
        return this.#output(event)
      case 'tool-output-denied':
        this.#expectState(event.toolCallId, ['asked'])
        return this.#setState(event, 'done')
      case 'tool-approval-request':
        this.#expectState(event.toolCallId, ['available', 'asked'])
        return this.#setState(event, 'asked')
      case 'start-step':
      case 'finish-step':
      case 'reset-step':
        return this.#step(event.type)
      case 'abort':
      case 'error':
        if (this.#inStep) this.#fault('is inside a step')
        this.#over = true
        return undefined
      case 'finish':
        if (this.#inStep) this.#fault('is inside a step')
        this.#ended = true
        return undefined
      case 'start':
      case 'message-metadata':
        return undefined
      default:
        return this.#expectInStep()
    }
  }

  #openPart(id: string, type: 'text' | 'reasoning'): void {
    this.#expectInStep()
    if (this.#ids.has(id)) this.#fault(`uses the id ${id} again`)
    this.#ids.add(id)
    this.#open.set(id, type)
  }

  #followPart(event: PartEvent): void {
    this.#expectInStep()
    const type = event.type.startsWith('text') ? 'text' : 'reasoning'
    if (this.#open.get(event.id) !== type) this.#fault(`${event.id} is not open`)
    if (event.type.endsWith('-end')) this.#open.delete(event.id)
  }

  #beginCall(event: { toolCallId: string; dynamic?: boolean }, state: Call['state']): void {
    this.#expectInStep()
    const { toolCallId, dynamic = false } = event
    if (toolCallId === '') this.#fault('has an empty toolCallId')
    if (this.#calls.has(toolCallId)) this.#fault(`uses the toolCallId ${toolCallId} again`)
    this.#calls.set(toolCallId, { state, dynamic })
  }

  #wholeInput(
    event: EventOf<'tool-input-available' | 'tool-input-error'>,
    state: Call['state'],
  ): void {
    this.#expectInStep()
    if (event.input === undefined) this.#fault('has no input')
    const call = this.#calls.get(event.toolCallId)
    if (call === undefined) return this.#beginCall(event, state)
    // A provider may send a result for a call of an earlier run.
    const isEarlier = call.dynamic === undefined
    if (call.state !== 'streaming' && !isEarlier)
      this.#fault(`${event.toolCallId} is ${call.state}`)
    this.#setState(event, state)
  }

  #output(event: EventOf<'tool-output-available' | 'tool-output-error'>): void {
    this.#expectState(event.toolCallId, ['available', 'asked'])
    if (event.type === 'tool-output-error') return this.#setState(event, 'done')
    if (event.output === undefined) this.#fault('has no output')
    this.#setState(event, event.preliminary === true ? undefined : 'done')
  }

  /** Also checks that all events of a call have the same `dynamic`. */
  #setState(event: AgentEvent & { toolCallId: string }, state: Call['state'] | undefined): void {
    const call = this.#calls.get(event.toolCallId)
    if (call === undefined) return
    const dynamic = ('dynamic' in event && event.dynamic) ?? false
    const isTold = event.type !== 'tool-approval-request' && call.dynamic !== undefined
    if (isTold && dynamic !== call.dynamic) this.#fault('differs from its call in dynamic')
    this.#calls.set(event.toolCallId, { ...call, state: state ?? call.state })
  }

  #expectState(toolCallId: string, states: readonly Call['state'][]): void {
    const state = this.#calls.get(toolCallId)?.state
    if (state === undefined || !states.includes(state)) {
      this.#fault(`${toolCallId} is ${state ?? 'unknown'}`)
    }
  }

  #step(type: 'start-step' | 'finish-step' | 'reset-step'): void {
    if (this.#inStep !== (type !== 'start-step')) {
      this.#fault(this.#inStep ? 'is inside a step' : 'is outside of steps')
    }
    if (type === 'start-step') this.#callsBefore = new Map(this.#calls)
    if (type === 'reset-step') {
      this.#open = new Map()
      this.#calls = new Map(this.#callsBefore)
    }
    this.#inStep = type !== 'finish-step'
    for (const id of this.#open.keys()) this.#fault(`${id} is still open`)
    for (const [id, { state }] of this.#calls) {
      if (!this.#inStep && state === 'streaming') this.#fault(`${id} is still streaming`)
    }
  }

  #checkFinish({ finishReason, messageMetadata }: EventOf<'finish'>): void {
    if (!finishReasons.includes(finishReason)) this.#fault(`finishReason is ${finishReason}`)
    const outcome =
      typeof messageMetadata === 'object' &&
      messageMetadata !== null &&
      'outcome' in messageMetadata
        ? messageMetadata.outcome
        : undefined
    if (outcome === undefined) this.#fault('finish does not tell the outcome')
    if (outcome === 'waiting') return
    for (const [id, { state, dynamic }] of this.#calls) {
      if (state !== 'done' && dynamic !== undefined) this.#fault(`the call ${id} is left ${state}`)
    }
  }

  #expectInStep(): void {
    if (!this.#inStep) this.#fault('is outside of steps')
  }

  #fault(text: string): void {
    this.#faults.push(`${this.#place}: ${text}`)
  }
}
