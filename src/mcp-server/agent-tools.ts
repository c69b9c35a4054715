/** The agents as tools of MCP. */
import type { Tool } from '@modelcontextprotocol/server'

import type { Agent } from '../agent.ts'
import { isSchema } from '../ground/schema.ts'
import { outputSchema } from '../runner/output/output-schema.ts'
import { argumentsSchema } from './call-arguments.ts'

export const agentTools = (agents: readonly Agent[]): Promise<Tool[]> =>
  Promise.all(
    agents.map(async (agent): Promise<Tool> => {
      const { name, description } = agent
      const output = await structureOf(agent)
      return {
        name,
        title: name,
        description: description ?? `Sends a message to the agent ${name}, and returns its answer.`,
        inputSchema: { ...argumentsSchema },
        ...(output !== undefined && { outputSchema: { ...output, type: 'object' } }),
        annotations: { title: name, openWorldHint: true },
      }
    }),
  )

/**
 * Returns the JSON schema of the answer. Undefined for an agent whose answer is a text, or no object, or whose schema
 * depends on the context of a call.
 */
export async function structureOf({
  name,
  output,
}: Pick<Agent, 'name' | 'output'>): Promise<Record<string, unknown> | undefined> {
  if (output === undefined || typeof output === 'function' || !isSchema(output)) return undefined
  const { jsonSchema } = await outputSchema(output, name)
  return jsonSchema.type === 'object' ? { ...jsonSchema } : undefined
}
