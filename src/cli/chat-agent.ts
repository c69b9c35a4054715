/** The agent of a conversation: the chosen agent, changed by the flags and the settings. */
import type { Agent } from '../agent.ts'
import type { Mcp } from '../mcp.ts'
import type { AgentTools } from '../tool.ts'
import { type ApprovalOptions, toolsWithApproval } from './approval.ts'
import type { ChatFlags } from './chat-options.ts'
import { withMcpTools } from './command-mcp.ts'
import type { ChatSettings } from './conversation.ts'

interface ChatAgentOptions {
  /** MCP servers whose tools are added to those of the agent. */
  mcp: Mcp | undefined
  flags: ChatFlags
  settings: ChatSettings
  approval: ApprovalOptions
  defaultModel: string
}

/**
 * Returns the agent for this command. Each turn reads the current model and tools of `settings`.
 */
export function chatAgent(
  agent: Agent,
  { mcp, flags, settings, approval, defaultModel }: ChatAgentOptions,
): Agent {
  const { model: ownModel, tools: ownTools = [] } = agent
  return {
    ...agent,
    tools: async (context) => {
      const own: AgentTools = typeof ownTools === 'function' ? await ownTools(context) : ownTools
      const all = settings.tools ?? own
      return toolsWithApproval(mcp === undefined ? all : await withMcpTools(mcp, all), approval)
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
