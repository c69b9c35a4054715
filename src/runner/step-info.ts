/** What `onStep` is told of a step, from the reply and the results of its calls. */
import type { ModelMessage, ToolResultPart } from 'ai'

import type { StepInfo } from '../agent.ts'
import type { Cost } from '../spending.ts'
import type { Usage } from '../usage.ts'
import type { StepReader } from './step-reader.ts'

export interface StepSoFar {
  step: number
  usage: Usage
  cost?: Cost
  messages: readonly ModelMessage[]
}

export function stepInfo(
  { text, calls }: StepReader,
  results: readonly ToolResultPart[],
  soFar: StepSoFar,
): StepInfo {
  return {
    ...soFar,
    text,
    toolCalls: calls.map(({ toolCallId, toolName, input }) => ({ toolCallId, toolName, input })),
    toolResults: results.map(({ toolCallId, toolName, output }) => ({
      toolCallId,
      toolName,
      output: 'value' in output ? output.value : null,
      isError: output.type.startsWith('error'),
    })),
  }
}
