/** The inputs of a run of an agent. */
import type { ModelMessage } from 'ai'

import type { Agent } from '../agent.ts'
import type { Models } from '../model.ts'
import type { RunOptions } from '../run-options.ts'
import type { Sink } from '../sink.ts'
import type { RunSettings } from './run-settings.ts'
import type { RunTelemetry } from './run-telemetry.ts'
import type { RunBelow } from './sub-runs.ts'

export interface AgentRunOptions<CONTEXT> {
  agent: Agent<CONTEXT>
  settings: RunSettings
  messages: readonly ModelMessage[]
  /** The id of the assistant message that the events build. */
  messageId: string
  models: Models
  emit: Sink
  telemetry: RunTelemetry
  signal: AbortSignal
  options: RunOptions<CONTEXT>
  runBelow: RunBelow
}
