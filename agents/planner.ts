/** An agent that splits a question into three, and hands each to a researcher. The three work at the same time. */
import { agentTool } from '../src/agent-tool.ts'
import { defineAgent } from '../src/agent.ts'
import { researcher } from './researcher.ts'

export const planner = defineAgent({
  name: 'planner',
  description: 'Splits a question into three, and has three researchers work on them in parallel.',
  systemPrompt: `You are a planner. Answer in the language of the question.
Split the question into three parts that can be worked out separately, and hand each part to the researcher: three calls in one step, so that they run in parallel. A researcher knows nothing of this conversation, so write everything it needs into its task.
Then answer from the three reports, the conclusion first. Say where the reports disagree, and what they could not settle. Never invent a finding.
A question that one short answer settles needs no researcher.`,
  tools: [agentTool(researcher)],
})
