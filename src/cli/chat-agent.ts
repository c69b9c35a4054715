/** The agent of a talk: the one that was named, with what the flags and the talk's settings change. */
import type { Agent } from '../agent.ts'
import type { Mcp } from '../mcp.ts'
import type { AgentTools } from '../tool.ts'
import { askingTools, type Grants } from './approval.ts'
import type { ChatFlags } from './chat-options.ts'
import { askingBeside } from './command-mcp.ts'
import type { ChatSettings } from './conversation.ts'

interface Chatting {
  /** Servers whose tools stand beside the agent's. */
  mcp: Mcp | undefined
  flags: ChatFlags
  settings: ChatSettings
  asking: { grants: Grants; delegates: ReadonlySet<string> }
  defaultModel: string
}

/** The agent as this command wants it. What may change between two turns is looked up in each. */
export function chatAgent(
  agent: Agent,
  { mcp, flags, settings, asking, defaultModel }: Chatting,
): Agent {
  const { model: ownModel, tools: ownTools = [] } = agent
  return {
    ...agent,
    tools: async (context) => {
      const own: AgentTools = typeof ownTools === 'function' ? await ownTools(context) : ownTools
      const all = settings.tools ?? own
      return askingTools(mcp === undefined ? all : await askingBeside(mcp, all), asking)
    },
    model: async (context) =>
      settings.model ??
      (typeof ownModel === 'function' ? await ownModel(context) : ownModel) ??
      defaultModel,
    ...(flags.system !== undefined && { systemPrompt: flags.system }),
    ...(flags.maxSteps !== undefined && { maxSteps: flags.maxSteps }),
    ...(flags.temperature !== undefined && { temperature: flags.temperature }),
  }
}
