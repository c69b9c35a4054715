/**
 * The telemetry of one run: it adds the labels of the run to each event. They are made for the first event
 * that has a subscriber, so a run without subscribers costs no ids.
 */
import { randomUUID } from 'node:crypto'

import type { RunLabels } from '../ground/telemetry-events.ts'
import { type OwnFields, publish, type RunEvent } from '../ground/telemetry.ts'
import type { SessionTree } from './session-hooks.ts'

/** The tool call that started a run, and its run. */
export interface RunCaller {
  telemetry: RunTelemetry
  toolCallId: string
}

export interface RunTelemetryOptions {
  agent: string
  /** Undefined for a run that no tool call of a run started. */
  caller: RunCaller | undefined
  /** The id by which the principal names the session. */
  sessionId: string | undefined
  /** The message of the outermost run. */
  messageId: string
  /** '' if there is none. */
  principal: string
  /** The session's place in its tree. */
  tree: SessionTree | undefined
}

export class RunTelemetry {
  readonly #options: RunTelemetryOptions
  #labels: RunLabels | undefined

  constructor(options: RunTelemetryOptions) {
    this.#options = options
  }

  publish<EVENT extends RunEvent>(event: EVENT, build: () => OwnFields<EVENT>): void {
    publish<RunEvent>(event, () => this.labels, build)
  }

  get labels(): RunLabels {
    return (this.#labels ??= labelsOf(this.#options))
  }
}

function labelsOf({ agent, caller, ...own }: RunTelemetryOptions): RunLabels {
  const runId = randomUUID()
  if (caller !== undefined) {
    const above = caller.telemetry.labels
    const { runId: parentRunId } = above
    return { ...above, agent, runId, parentRunId, parentToolCallId: caller.toolCallId }
  }
  const { sessionId, messageId, principal, tree } = own
  return {
    agent,
    runId,
    rootRunId: runId,
    ...(sessionId !== undefined && { sessionId }),
    messageId,
    ...(tree !== undefined && { parentSessionId: tree.parent }),
    ...(sessionId !== undefined && { rootSessionId: tree?.root ?? sessionId }),
    ...(principal !== '' && { principal }),
  }
}
