/** An agent's tools by name, in the form of the AI SDK's own functions. */
import type { ToolSet } from 'ai'

import { toolOutput } from '../../model/prompt/tool-output.ts'
import { isNamedTool, toolEntries } from '../../tool-list.ts'
import type { AgentTools } from '../../tool.ts'

export function toolSetOf(tools: AgentTools): ToolSet {
  const set: ToolSet = {}
  for (const entry of toolEntries(tools)) {
    Object.assign(set, isNamedTool(entry) ? { [entry.name]: entry } : entry)
  }
  for (const [name, tool] of Object.entries(set)) set[name] = withReadableOutput(tool)
  return set
}

type ToModelOutput = NonNullable<ToolSet[string]['toModelOutput']>
type Asked = Parameters<ToModelOutput>[0]
type Output = Awaited<ReturnType<ToModelOutput>>

/**
 * Guards `toModelOutput`. A stored output passes through it again in every later turn. An output
 * for which it throws, or returns a form that no model reads, would make each of these turns fail.
 */
function withReadableOutput(tool: ToolSet[string]): ToolSet[string] {
  const { toModelOutput } = tool
  if (toModelOutput === undefined) return { ...tool, toModelOutput: asStored }
  return {
    ...tool,
    async toModelOutput(options: Asked): Promise<Output> {
      try {
        const output = await toModelOutput.call(tool, options)
        toolOutput(output)
        return output
      } catch {
        return { type: 'error-text', value: 'The output of the tool cannot be read.' }
      }
    },
  }
}

/**
 * Returns the AI SDK's default output for a model, without its copy: a stored output is already
 * JSON.
 */
function asStored({ output }: Asked): Output {
  return typeof output === 'string'
    ? { type: 'text', value: output }
    : { type: 'json', value: output ?? null }
}
