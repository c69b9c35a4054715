/** The agent of the fault kit: it calculates, and it has an effect outside, which a human must approve. */
import { defineAgent } from '../../src/agent.ts'
import { calculator } from '../../tools/calculator.ts'
import { effect } from './effect-tool.ts'

export const worker = defineAgent({
  name: 'worker',
  systemPrompt: 'Work.',
  tools: [calculator, effect('guarded', 'keyed', true)],
})
