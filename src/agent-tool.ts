/**
 * An agent as a tool of another agent. The calling model sends it a task. Its progress is preliminary
 * output, and its final text is the result.
 */

import type { AgentToolOutput } from './agent-tool/output.ts'
import type { Agent } from './agent.ts'
import type { DataSchemas } from './data-part.ts'
import { defineTool } from './define-tool.ts'
import { LoomError } from './ground/error.ts'
import { type FieldsOf, refuseUnknownFields } from './ground/known-fields.ts'
import { late } from './ground/late.ts'
import { zodSchema } from './ground/schema.ts'
import type { JsonOf } from './run-result.ts'
import { withSubAgent } from './sub-agent.ts'
import type { AgentTools, ToolContext, TypedTool } from './tool.ts'
import type { DataSchemasOf } from './ui-message.ts'

// A program that only imports Loom runs no agent.
const nestedRuns = late(() => import('./agent-tool/nested-run.ts'))
const taskCalls = late(() => import('./agent-tool/task-call.ts'))

/** The options of `agentTool`. */
interface AgentToolOptions<NAME extends string, BACKGROUND extends boolean | 'model'> {
  /** The name of the tool. @defaultValue the agent's name */
  name?: NAME
  /** The description for the calling model. @defaultValue the agent's description */
  description?: string
  /**
   * The time limit of a call in milliseconds. The time in which a task waits for an answer does not count. A task
   * in the background has no limit, so `background: true` refuses it. @defaultValue 600000
   */
  timeoutMs?: number
  /**
   * Whether a call in a session ends when the task begins. Its result then comes as a message to the session.
   * With `model`, the model chooses by the input `background`. Without a session, every call waits for the
   * result. @defaultValue false
   */
  background?: BACKGROUND
  /**
   * How often the task of a session runs again after an error. It continues after its last finished step.
   * @defaultValue 0
   */
  restarts?: number
}

const optionFields: FieldsOf<AgentToolOptions<string, boolean>> = {
  name: true,
  description: true,
  timeoutMs: true,
  background: true,
  restarts: true,
}

/**
 * Returns a tool that runs an agent. The calling model sends it a task, and receives the answer of the agent.
 * The data parts that the agent's tools write go into the message of the calling agent.
 *
 * In a session, the task is a session of its own: it survives the death of its process, and its questions to a
 * client or a human appear in the message of the root session. `AgentSession.tasks` lists the tasks. In a run
 * without a session, the call fails if the agent needs a human.
 * @throws LoomError `invalid-config` for an unknown option or one with a wrong value
 * @example
 * ```ts
 * import { agentTool, defineAgent } from 'loomkit'
 *
 * const tester = defineAgent({ name: 'tester', systemPrompt: 'Test the given code.' })
 * const tools = [agentTool(tester, { description: 'Tests code.', timeoutMs: 120_000 })]
 * const lead = defineAgent({ name: 'lead', systemPrompt: 'Write code.', tools })
 * ```
 */
export function agentTool<
  CONTEXT,
  OUTPUT,
  TOOLS extends AgentTools,
  SCHEMAS extends DataSchemas,
  const AGENT_NAME extends string,
  const NAME extends string = AGENT_NAME,
  const BACKGROUND extends boolean | 'model' = false,
>(
  agent: Agent<CONTEXT, OUTPUT, TOOLS, AGENT_NAME, SCHEMAS>,
  options?: AgentToolOptions<NAME, BACKGROUND>,
): TypedTool<
  {
    /** The task, with everything that the agent must know to do it. */
    prompt: string
  } & ([BACKGROUND] extends ['model'] ? BackgroundChoice : unknown),
  AgentToolOutput<JsonOf<OUTPUT>>,
  CONTEXT,
  NoInfer<NAME>,
  DataSchemasOf<Agent<never, unknown, TOOLS, string, SCHEMAS>>
>
// `OUTPUT` is the type of the schema that checked the output.
export function agentTool<CONTEXT>(
  agent: Agent<CONTEXT>,
  options: AgentToolOptions<string, boolean | 'model'> = {},
): unknown {
  const subject = `The options of agentTool("${agent.name}") have`
  refuseUnknownFields(options, { subject, known: optionFields })
  const { background = false, restarts = 0 } = options
  checkOptions(agent.name, { background, restarts, timeoutMs: options.timeoutMs })
  const tool = defineTool({
    name: options.name ?? agent.name,
    description:
      options.description ?? agent.description ?? `Hands a task to the agent "${agent.name}".`,
    inputSchema: zodSchema((z) => {
      const input = z.object({
        prompt: z.string().describe('The task, with everything the agent must know to do it.'),
      })
      if (background !== 'model') return input
      const choice = z.boolean().optional()
      return input.extend({
        background: choice.describe(
          'True to go on now. The result then comes as a message, later.',
        ),
      })
    }),
    async *execute(input: AgentToolInput, context: ToolContext<CONTEXT>) {
      const { task } = context
      if (task === undefined) {
        const { delegate } = await nestedRuns()
        return yield* delegate(agent, input.prompt, context)
      }
      const { beginTask, followTask } = await taskCalls()
      const isBackground = background === 'model' ? input.background === true : background
      const order = { agent: agent.name, prompt: input.prompt, background: isBackground, restarts }
      if (isBackground) return beginTask(task, order)
      const hasOutput = agent.output !== undefined
      return yield* followTask(task, order, { hasOutput, context })
    },
    toModelOutput: ({ output }) =>
      output.output === undefined
        ? { type: 'text', value: output.text }
        : { type: 'json', value: output.output },
    // A repeated call finds its task again. Without a session, no call is repeated.
    retry: 'safe',
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  })
  return withSubAgent(tool, agent)
}

/** The choice of the model with the option `background: 'model'`. */
interface BackgroundChoice {
  /** Whether the call ends when the task begins. */
  background?: boolean | undefined
}

interface AgentToolInput extends BackgroundChoice {
  prompt: string
}

/** @throws LoomError `invalid-config` */
function checkOptions(
  agent: string,
  {
    background,
    restarts,
    timeoutMs,
  }: { background: unknown; restarts: unknown; timeoutMs: unknown },
): void {
  if (typeof background !== 'boolean' && background !== 'model') {
    throw new LoomError(
      'invalid-config',
      `background of agentTool("${agent}") must be true, false or "model".`,
    )
  }
  if (background === true && timeoutMs !== undefined) {
    throw new LoomError(
      'invalid-config',
      `timeoutMs of agentTool("${agent}") is the time limit of a call that waits, and with background: true no call waits. Remove one of the two. To limit the work in the background, set maxSteps or budget of the agent.`,
    )
  }
  if (typeof restarts === 'number' && Number.isSafeInteger(restarts) && restarts >= 0) return
  throw new LoomError(
    'invalid-config',
    `restarts of agentTool("${agent}") must be a whole number from 0.`,
  )
}
