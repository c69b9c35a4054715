/**
 * An agent as a tool of another agent. The calling model sends it a task. Its progress is preliminary
 * output, and its final text is the result.
 */
import type { JSONValue } from '@ai-sdk/provider'

import type { Agent } from './agent.ts'
import type { CallTask, TaskOrder } from './call-task.ts'
import type { DataSchemas } from './data-part.ts'
import { defineTool } from './define-tool.ts'
import type { AgentEvent, EventOf } from './event.ts'
import { LoomError } from './ground/error.ts'
import { toJson } from './ground/json.ts'
import { zodSchema } from './ground/schema.ts'
import type { JsonOf } from './run-result.ts'
import { withSubAgent } from './sub-agent.ts'
import type { AgentTools, ToolContext, TypedTool } from './tool.ts'
import type { DataSchemasOf } from './ui-message.ts'
import type { Usage } from './usage.ts'

/**
 * The output of a tool that `agentTool` returned. Clients receive it as preliminary output while the sub-agent
 * works, at most every 100 milliseconds (less often for a long text), and then as the result.
 * @example
 * ```ts
 * import type { AgentToolOutput } from 'loomkit'
 *
 * const progressOf = ({ text, toolCalls }: AgentToolOutput) => `${toolCalls.length} calls: ${text}`
 * ```
 */
export interface AgentToolOutput<OUTPUT = JSONValue> {
  /** The text of the current step; in the result, the answer. */
  text: string
  /** The tools that the sub-agent called, in order. */
  toolCalls: {
    /** The name of the tool. */
    toolName: string
    /** `running`, `done`, or `error` if the call failed. */
    state: 'running' | 'done' | 'error'
  }[]
  /** The output of an agent with an `output` schema, as JSON. Only in the result. */
  output?: OUTPUT
  /** The number of model calls. Only in the result. */
  steps?: number
  /** The tokens of the sub-agent. Only in the result. */
  usage?: Usage
  /** The id of the session of a task that works in the background. Absent for every other call. */
  taskId?: string
}

/** The options of `agentTool`. */
interface AgentToolOptions<NAME extends string, BACKGROUND extends boolean | 'model'> {
  /** The name of the tool. @defaultValue the agent's name */
  name?: NAME
  /** The description for the calling model. @defaultValue the agent's description */
  description?: string
  /** The time limit of a call in milliseconds. @defaultValue 600000 */
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

/** The least time between two reports of progress, in milliseconds. */
const reportEveryMs = 100

/** Each report has the whole text, so the time grows with it: at most 10 characters for a millisecond. */
const reportCharsPerMs = 10

/**
 * Returns a tool that runs an agent. The calling model sends it a task, and receives the answer of the agent.
 * The data parts that the agent's tools write go into the message of the calling agent.
 *
 * In a session, the task is a session of its own: it survives the death of its process, and its questions to a
 * client or a human appear in the message of the root session. `AgentSession.tasks` lists the tasks. In a run
 * without a session, the call fails if the agent needs a human.
 * @throws LoomError `invalid-config` for an invalid name or time limit
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
  const { background = false, restarts = 0 } = options
  checkOptions(agent.name, { background, restarts })
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
    execute: (input: AgentToolInput, context: ToolContext<CONTEXT>) => {
      const { task } = context
      if (task === undefined) return delegate(agent, input.prompt, context)
      const isBackground = background === 'model' ? input.background === true : background
      const order = { agent: agent.name, prompt: input.prompt, background: isBackground, restarts }
      return isBackground
        ? begin(task, order)
        : followTask(task, order, { hasOutput: agent.output !== undefined, context })
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
  { background, restarts }: { background: unknown; restarts: unknown },
): void {
  if (typeof background !== 'boolean' && background !== 'model') {
    throw new LoomError(
      'invalid-config',
      `background of agentTool("${agent}") must be true, false or "model".`,
    )
  }
  if (typeof restarts === 'number' && Number.isSafeInteger(restarts) && restarts >= 0) return
  throw new LoomError(
    'invalid-config',
    `restarts of agentTool("${agent}") must be a whole number from 0.`,
  )
}

/** Starts a task in the background. */
async function begin(task: CallTask, order: TaskOrder): Promise<AgentToolOutput> {
  const taskId = await task.start(order)
  const text = `The task ${taskId} has begun in the background. Its result comes later, as a message.`
  return { text, toolCalls: [], taskId }
}

interface FollowedCall {
  /** Whether the agent has a schema for its output. */
  hasOutput: boolean
  context: Pick<ToolContext, 'toolCallId' | 'write'>
}

/** Follows the task of a call in a session. */
async function* followTask(
  task: CallTask,
  order: TaskOrder,
  { hasOutput, context }: FollowedCall,
): AsyncGenerator<AgentToolOutput, AgentToolOutput> {
  await task.start(order)
  const progress = openProgress()
  // A call with preliminary output has begun, so that a later process knows that it has a task.
  yield progress.current()
  const completion = task.follow((event) => {
    progress.note(event)
    return forwardData(event, context)
  })
  const end = completion.then(progress.end, progress.end)
  for (;;) {
    const report = await progress.next()
    if (report === undefined) break
    yield report
  }
  await end
  const { output, ...answer } = await completion
  const withOutput = hasOutput && output !== undefined && { output }
  return { ...progress.current(), ...answer, ...withOutput }
}

/** Writes the data parts of a task into the message of the call. The output of its agent is not one of them. */
function forwardData(
  event: AgentEvent,
  { toolCallId, write }: FollowedCall['context'],
): Promise<void> | undefined {
  if (!isData(event) || event.type === 'data-output') return undefined
  const { id, ...part } = event
  return write({ ...part, ...(id !== undefined && { id: `${toolCallId}/${id}` }) })
}

const isData = (event: AgentEvent): event is EventOf<`data-${string}`> =>
  event.type.startsWith('data-')

async function* delegate<CONTEXT>(
  agent: Agent<CONTEXT>,
  prompt: string,
  context: ToolContext<CONTEXT>,
): AsyncGenerator<AgentToolOutput, AgentToolOutput> {
  const progress = openProgress()
  const result = context.run(agent, prompt, { sink: progress.note, forwardData: true })
  // The `await` below handles a rejection. This handler prevents an unhandled rejection before that.
  const completion = result.then(progress.end, progress.end)
  for (;;) {
    const report = await progress.next()
    if (report === undefined) break
    yield report
  }
  await completion
  const end = await result
  const { outcome, steps, usage, text } = end
  if (outcome === 'waiting') {
    throw new LoomError(
      'invalid-request',
      `"${agent.name}" needs a human, who can't be asked from here.`,
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

/** Collects a run's events into reports. A slow reader receives fewer of them. */
function openProgress() {
  const output: AgentToolOutput = { text: '', toolCalls: [] }
  const calls = new Map<string, AgentToolOutput['toolCalls'][number]>()
  let changed = false
  let isEnded = false
  let reportedAt = 0
  let wake: (() => void) | undefined
  let wakeOnChange = false

  const note = (event: AgentEvent): void => {
    if (!take(event)) return
    changed = true
    if (wakeOnChange) wake?.()
  }
  /** Returns false for an event that changes nothing. */
  const take = (event: AgentEvent): boolean => {
    switch (event.type) {
      case 'start-step':
      case 'reset-step':
        if (output.text === '') return false
        output.text = ''
        return true
      case 'text-delta':
        output.text += event.delta
        return true
      case 'tool-input-available':
        begin(event, 'running')
        return true
      case 'tool-input-error':
        begin(event, 'error')
        return true
      case 'tool-output-available':
        if (event.preliminary !== true) settle(event.toolCallId, 'done')
        return event.preliminary !== true
      case 'tool-output-error':
        settle(event.toolCallId, 'error')
        return true
      default:
        return false
    }
  }
  const begin = (
    { toolCallId, toolName }: { toolCallId: string; toolName: string },
    state: 'running' | 'error',
  ) => {
    const call = { toolName, state }
    calls.set(toolCallId, call)
    output.toolCalls.push(call)
  }
  const settle = (toolCallId: string, state: 'done' | 'error') => {
    const call = calls.get(toolCallId)
    if (call !== undefined) call.state = state
  }
  const current = (): AgentToolOutput => ({
    ...output,
    toolCalls: output.toolCalls.map((call) => ({ ...call })),
  })
  const intervalMs = () => reportEveryMs + output.text.length / reportCharsPerMs
  const nextWake = (delayMs?: number) => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = delayMs === undefined ? undefined : setTimeout(resolve, delayMs)
    wake = resolve
    // Between two reports only the timer and the end wake the tool; otherwise every token would.
    wakeOnChange = delayMs === undefined
    return promise.finally(() => {
      clearTimeout(timer)
      wake = undefined
    })
  }

  return {
    note,
    current,
    end: () => {
      isEnded = true
      wake?.()
    },
    /** Returns the next report, or undefined after the end of the run. */
    async next(): Promise<AgentToolOutput | undefined> {
      for (;;) {
        if (isEnded) return undefined
        const waitMs = reportedAt + intervalMs() - performance.now()
        if (changed && waitMs <= 0) {
          changed = false
          reportedAt = performance.now()
          return current()
        }
        await nextWake(changed ? waitMs : undefined)
      }
    },
  }
}
