/** What a turn of the runner is made of. */
import type { ModelMessage } from 'ai'

import type { Agent } from '../agent.ts'
import type { Models } from '../model.ts'
import type { RunOptions } from '../run-options.ts'
import type { Sink } from '../sink.ts'
import type { Settings } from './settings.ts'
import type { RunBelow } from './sub-runs.ts'

export interface TurnOptions<CONTEXT> {
  agent: Agent<CONTEXT>
  settings: Settings
  messages: readonly ModelMessage[]
  /** The id of the assistant message that the events make. */
  messageId: string
  models: Models
  emit: Sink
  signal: AbortSignal
  options: RunOptions<CONTEXT>
  runBelow: RunBelow
}
