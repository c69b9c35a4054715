/** A call of an agent's tool without a session: the agent runs inside the call. */
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { toJson } from '../ground/json.ts'
import type { ToolContext } from '../tool.ts'
import type { AgentToolOutput } from './output.ts'
import { openProgress } from './progress.ts'

export async function* delegate<CONTEXT>(
  agent: Agent<CONTEXT>,
  prompt: string,
  context: ToolContext<CONTEXT>,
): AsyncGenerator<AgentToolOutput, AgentToolOutput> {
  const progress = openProgress()
  const result = context.run(agent, prompt, { sink: progress.note, forwardData: true })
  // The `await` below handles a rejection. This handler prevents an unhandled rejection before that.
  const completion = result.then(progress.end, progress.end)
  yield* progress.reports()
  await completion
  const end = await result
  const { outcome, steps, usage, text } = end
  if (outcome === 'waiting') {
    throw new LoomError(
      'invalid-request',
      `"${agent.name}" needs a human, and a run without a session cannot ask one. Run the agent in a session.`,
    )
  }
  const hasOutput = agent.output !== undefined && outcome === 'finished'
  return {
    ...progress.current(),
    text,
    ...(hasOutput && { output: toJson(end.output) }),
    steps,
    usage,
  }
}
