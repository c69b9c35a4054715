/** The default agent of a Loom server. It uses the server's `LOOM_MODEL`. */
import { agentTool } from '../src/agent-tool.ts'
import { defineAgent } from '../src/agent.ts'
import { calculator } from '../tools/calculator.ts'
import { clock } from '../tools/clock.ts'
import { human } from '../tools/human.ts'
import { remind } from '../tools/remind.ts'
import { researcher } from './researcher.ts'

export const assistant = defineAgent({
  name: 'assistant',
  description:
    'A helpful assistant that calculates, tells the time, reminds, asks questions, and can ask a researcher.',
  systemPrompt: `You are a helpful assistant. Answer in the language of the question, briefly and plainly.
Calculate with the calculator, never in your head, and ask the clock for dates and times.
Hand a question that needs several steps of its own to the researcher, and say in your own words what it reports.
Use remind for what must happen later.
Ask the human only what cannot be found out and is theirs to decide. If you do not know something, say so.`,
  tools: [calculator, clock, agentTool(researcher), remind, human()],
})
