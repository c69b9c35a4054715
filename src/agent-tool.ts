/**
 * An agent as a tool of another agent. The calling model sends it a task. Its progress is preliminary
 * output, and its final text is the result.
 */
import type { JSONValue } from '@ai-sdk/provider'

import type { Agent } from './agent.ts'
import type { DataSchemas } from './data-part.ts'
import { defineTool } from './define-tool.ts'
import type { AgentEvent } from './event.ts'
import { LoomError } from './ground/error.ts'
import { toJson } from './ground/json.ts'
import { zodSchema } from './ground/schema.ts'
import type { JsonOf } from './run-result.ts'
import type { AgentTools, ToolContext, TypedTool } from './tool.ts'
import type { DataSchemasOf } from './ui-message.ts'
import type { Usage } from './usage.ts'

/**
 * The output of a tool that `agentTool` returned. Clients receive it as preliminary output while the sub-agent
 * works, at most every 100 milliseconds, and then as the result.
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
}

/** The options of `agentTool`. */
interface AgentToolOptions<NAME extends string> {
  /** The name of the tool. @defaultValue the agent's name */
  name?: NAME
  /** The description for the calling model. @defaultValue the agent's description */
  description?: string
  /** The time limit of a call in milliseconds. @defaultValue 600000 */
  timeoutMs?: number
}

/** The least time between two reports of progress, in milliseconds. */
const reportEveryMs = 100

/**
 * Returns a tool that runs an agent. The calling model sends it a task, and receives the answer of the agent.
 * The call fails if the agent needs a human. The data parts that the agent's tools write go into the message
 * of the calling agent.
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
>(
  agent: Agent<CONTEXT, OUTPUT, TOOLS, AGENT_NAME, SCHEMAS>,
  options?: AgentToolOptions<NAME>,
): TypedTool<
  {
    /** The task, with everything that the agent must know to do it. */
    prompt: string
  },
  AgentToolOutput<JsonOf<OUTPUT>>,
  CONTEXT,
  NoInfer<NAME>,
  DataSchemasOf<Agent<never, unknown, TOOLS, string, SCHEMAS>>
>
// `OUTPUT` is the type of the schema that checked the output.
export function agentTool<CONTEXT>(
  agent: Agent<CONTEXT>,
  options: AgentToolOptions<string> = {},
): unknown {
  return defineTool({
    name: options.name ?? agent.name,
    description:
      options.description ?? agent.description ?? `Hands a task to the agent "${agent.name}".`,
    inputSchema: zodSchema((z) =>
      z.object({
        prompt: z.string().describe('The task, with everything the agent must know to do it.'),
      }),
    ),
    execute: (input, context: ToolContext<CONTEXT>) => delegate(agent, input.prompt, context),
    toModelOutput: ({ output }) =>
      output.output === undefined
        ? { type: 'text', value: output.text }
        : { type: 'json', value: output.output },
    ...(options.timeoutMs !== undefined && { timeoutMs: options.timeoutMs }),
  })
}

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
  const current = (): AgentToolOutput => structuredClone(output)
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
        const waitMs = reportedAt + reportEveryMs - performance.now()
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
