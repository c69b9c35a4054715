/** Replays a recorded session with an agent, and compares what the agent does now with the recording. */
import { AssertionError, deepStrictEqual } from 'node:assert'

import type { UIMessage } from 'ai'

import type { Agent, AnyAgent } from '../agent.ts'
import { errorMessage } from '../ground/error.ts'
import { textField } from '../ground/fields.ts'
import type { Models } from '../model.ts'
import type { RecordedTurn } from './recorded-turn.ts'
import { type ReplayScript, replayScript } from './replay-script.ts'
import { scriptedModels } from './scripted-models.ts'
import { short } from './scripted-reply.ts'
import { TurnReplay } from './turn-replay.ts'

/**
 * The options of `replaySession`.
 * @example
 * ```ts
 * import type { ReplayOptions } from 'loomkit/testing'
 *
 * const options: ReplayOptions<{ user: string }> = { context: { user: 'Ada' }, principal: 'ada' }
 * ```
 */
export interface ReplayOptions<CONTEXT = unknown> {
  /** The context of each message. @defaultValue {} */
  context?: CONTEXT
  /** The user or the tenant to whom the session belongs. @defaultValue '' */
  principal?: string
}

/**
 * Repeats a recorded session with an agent, and fails if the agent does something else now. A test that
 * `recordTest` writes calls it. The model sends the recorded replies, and each tool call gets its recorded
 * outcome: no provider is called, and no tool, `beforeTool` or `afterTool` runs. All the rest is the agent's own:
 * the tools that it has, their input schemas, its approvals, `output`, `maxSteps`, `prepareStep` and `onStep`.
 * @param turns the messages of the user and their answers
 * @returns the messages of the new session
 * @throws AssertionError with the difference of the first turn that is not as recorded; Error if a turn failed
 * @example
 * ```ts
 * import { human, defineAgent } from 'loomkit'
 * import { replaySession } from 'loomkit/testing'
 *
 * const asker = defineAgent({ name: 'asker', systemPrompt: 'Ask.', tools: [human()] })
 * const call = { toolName: 'human', input: { question: 'Where?' }, answer: 'Oslo' }
 * await replaySession(asker, [{ user: 'Hi', steps: [{ toolCalls: [call] }, 'Oslo it is.'] }])
 * ```
 */
export async function replaySession<CONTEXT>(
  agent: Agent<CONTEXT>,
  turns: readonly RecordedTurn[],
  { context, principal = '' }: ReplayOptions<CONTEXT> = {},
): Promise<UIMessage[]> {
  let turn: TurnReplay | undefined
  const script = replayScript(turns, {
    onModelCall: async () => turn?.noteModelCall(),
    onHeldCall: () => turn?.stopIfDue(),
  })
  const agents: readonly AnyAgent[] = [replayedAgent(agent, script)]
  // It loads the sessions, which other tests do not need.
  const { Loom } = await import('../loom.ts')
  const loom = new Loom({
    agents,
    models: modelsOf(script),
    // The addresses of files are placeholders, or they were allowed when the session was recorded.
    fileUrls: 'any',
    // The test reports the failure of a turn.
    report: () => undefined,
  })
  try {
    const session = loom.startAgent(agent.name, undefined, { context, principal })
    for (const [index, recorded] of turns.entries()) {
      turn = new TurnReplay(session, script, recorded)
      await check(turn, `Turn ${index + 1} (${nameOf(recorded)})`)
    }
    script.model.assertEnd()
    return await session.messages()
  } finally {
    await loom.close()
  }
}

/** The agent, with the recorded outcomes of its tool calls. */
function replayedAgent(
  { afterTool: _, ...agent }: AnyAgent,
  { beforeTool }: ReplayScript,
): AnyAgent {
  return {
    ...agent,
    beforeTool,
    // A summary would be one more call of the scripted model.
    compaction: false,
    // A reply that broke off is continued at once, whatever the agent's pauses are.
    retry: { retries: 3, initialDelayMs: 1, maxDelayMs: 1 },
  }
}

/** Every model is the scripted one, also one that `prepareStep` or `onStep` chooses. */
const modelsOf = ({ model }: ReplayScript): Models => ({
  ...scriptedModels({}),
  resolve: async () => model,
})

async function check(turn: TurnReplay, name: string): Promise<void> {
  const { actual, failure } = await turn.run()
  const { expected } = turn
  try {
    deepStrictEqual(actual, expected)
  } catch (error) {
    // A failure, such as a script that is too short, says more than the missing steps.
    const reason = errorMessage(failure ?? error)
    const message = `${name} is not as recorded: ${reason}`
    const difference = new AssertionError({
      message,
      actual,
      expected,
      operator: 'deepStrictEqual',
    })
    difference.cause = failure
    throw difference
  }
}

function nameOf({ user }: RecordedTurn): string {
  const texts =
    typeof user === 'string' ? [user] : user.map((part) => textField(part, 'text') ?? '')
  return short(JSON.stringify(texts.join(' ')))
}
