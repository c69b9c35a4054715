/**
 * The state of an unfinished turn, read from its log: the parts, inputs and calls that are open at its
 * end, and how much of a reply its open step has.
 */
import type { AgentEvent, EventOf, LogEvent } from '../event.ts'
import { MessageFold } from '../message-fold.ts'
import { mirroredIn } from '../mirrored-call.ts'
import type { OpenCall } from '../runner/session-hooks.ts'
import type { LogEntry } from '../store/log.ts'

export interface OpenPart {
  type: 'text' | 'reasoning'
  id: string
}

export type InputStart = EventOf<'tool-input-start'>

/** The events of the last step so far. */
class StepScan {
  hasContent = false
  hasText = false
  /** Whether the step has a whole input of a call, or a refused one. */
  hasInput = false
  /** Whether the step has any part of a call that the provider does not run itself. */
  hasCall = false
  /** Whether the reply ended before its owner died. */
  isReplyWhole = false
  readonly openParts = new Map<string, OpenPart>()
  readonly openInputs = new Map<string, InputStart>()
}

export class LogScan {
  readonly fold: MessageFold
  /** Whether the log has the `start` of the message. */
  hasStart = false
  isStepOpen = false
  step = new StepScan()
  finish: EventOf<'finish'> | undefined
  error: string | undefined
  readonly #openCalls = new Map<string, OpenCall>()
  /** The tool call id by the id of its approval. */
  readonly #approvals = new Map<string, string>()

  constructor(logId: string, entries: readonly LogEntry[]) {
    this.fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
    for (const { events } of entries) for (const event of events) this.#add(event)
  }

  /** The calls without an outcome, also those of earlier steps. */
  get openCalls(): OpenCall[] {
    return [...this.#openCalls.values()]
  }

  #add(event: LogEvent): void {
    this.fold.add(event)
    switch (event.type) {
      case 'tool-step':
        this.#openCalls.get(event.toolCallId)?.steps.push(event)
        break
      case 'start':
        this.hasStart = true
        this.finish = undefined
        this.error = undefined
        break
      case 'start-step':
      case 'finish-step':
        this.isStepOpen = event.type === 'start-step'
        this.step = new StepScan()
        break
      case 'reset-step':
        this.step = new StepScan()
        break
      case 'message-metadata':
        // The log has the cost of a step after its whole reply, and before its calls run.
        if (this.step.hasInput) this.step.isReplyWhole = true
        break
      case 'error':
        this.error = event.errorText
        break
      case 'finish':
        this.finish = event
        break
      default:
        this.#addPart(event)
    }
  }

  #addPart(event: AgentEvent): void {
    const { step } = this
    switch (event.type) {
      case 'text-start':
      case 'reasoning-start': {
        const type = event.type === 'text-start' ? 'text' : 'reasoning'
        step.hasContent = true
        step.openParts.set(event.id, { id: event.id, type })
        break
      }
      case 'text-delta':
        if (event.delta !== '') step.hasText = true
        break
      case 'text-end':
      case 'reasoning-end':
        step.openParts.delete(event.id)
        break
      default:
        this.#addToCall(event)
    }
  }

  #addToCall(event: AgentEvent): void {
    const { step } = this
    switch (event.type) {
      case 'tool-input-start':
        this.#addCallPart(event)
        step.openInputs.set(event.toolCallId, event)
        break
      case 'tool-input-available':
        this.#addCallPart(event)
        step.hasInput = true
        step.openInputs.delete(event.toolCallId)
        // The question of a task is no call of this session.
        if (event.providerExecuted !== true && mirroredIn(event.toolCallId) === undefined) {
          this.#open(event)
        }
        break
      case 'tool-input-error':
        this.#addCallPart(event)
        step.hasInput = true
        this.#settle(event)
        break
      case 'tool-approval-request': {
        this.#approvals.set(event.approvalId, event.toolCallId)
        const call = this.#openCalls.get(event.toolCallId)
        if (call !== undefined) call.hasApprovalRequest = true
        break
      }
      case 'tool-approval-response': {
        const call = this.#openCalls.get(this.#approvals.get(event.approvalId) ?? '')
        if (call !== undefined && event.approved) call.approved = true
        break
      }
      case 'tool-output-available':
        if (event.preliminary !== true) this.#settle(event)
        else this.#show(event)
        break
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#settle(event)
        break
      default:
        break
    }
  }

  #addCallPart({ providerExecuted }: { providerExecuted?: boolean }): void {
    this.step.hasContent = true
    if (providerExecuted !== true) this.step.hasCall = true
  }

  #open({ toolCallId, toolName, input, dynamic = false }: EventOf<'tool-input-available'>): void {
    const call = {
      toolCallId,
      toolName,
      input,
      dynamic,
      hasApprovalRequest: false,
      approved: false,
      hasBegun: false,
      steps: [],
    }
    this.#openCalls.set(toolCallId, call)
  }

  /** A call with preliminary output has begun. After the end of its step, its task waits. */
  #show({ toolCallId }: { toolCallId: string }): void {
    const call = this.#openCalls.get(toolCallId)
    if (call !== undefined) call.hasBegun = true
  }

  #settle({ toolCallId }: { toolCallId: string }): void {
    this.#openCalls.delete(toolCallId)
    this.step.openInputs.delete(toolCallId)
  }
}
