/** Applies the settings that a client asked for to those of the agent. */
import { jsonSchema } from 'ai'

import type { AnswerSettings, AskedTool } from '../answer-settings.ts'
import { LoomError } from '../ground/error.ts'
import type { SystemPrompt } from '../system-prompt.ts'
import { outputSchema } from './output/output-schema.ts'
import type { RunSettings } from './run-settings.ts'
import { toolTable } from './tool-table.ts'

/**
 * @param agent the name of the agent, for error texts
 * @throws LoomError `invalid-request` for a tool whose name the agent has, and for a schema that is none
 */
export async function withAsked(
  settings: RunSettings,
  asked: AnswerSettings,
  agent: string,
): Promise<RunSettings> {
  const { instructions, tools = [], toolChoice, output, maxOutputTokens } = asked
  const taken = tools.find(({ name }) => settings.tools.has(name))
  if (taken !== undefined) {
    throw new LoomError(
      'invalid-request',
      `The agent has a tool of its own with the name "${taken.name}". Give the tool of the request another name.`,
    )
  }
  const { temperature = settings.temperature, sampling = {} } = asked
  return {
    ...settings,
    systemPrompt: joined(settings.systemPrompt, instructions),
    tools: new Map([...settings.tools, ...(await toolTable(tools.map(offeredTool)))]),
    // A list of active tools is of the agent's own ones.
    activeTools: settings.activeTools && [
      ...settings.activeTools,
      ...tools.map(({ name }) => name),
    ],
    firstToolChoice: toolChoice,
    ...(output !== undefined && { output: await outputSchema(jsonSchema(output), agent) }),
    temperature,
    maxOutputTokens: lower(settings.maxOutputTokens, maxOutputTokens),
    sampling,
  }
}

const offeredTool = ({ name, inputSchema, ...tool }: AskedTool) => ({
  [name]: { ...tool, inputSchema: jsonSchema(inputSchema) },
})

const joined = (prompt: SystemPrompt, instructions: string | undefined): SystemPrompt =>
  instructions === undefined
    ? prompt
    : [...(typeof prompt === 'string' ? [prompt] : prompt), instructions]

const lower = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
