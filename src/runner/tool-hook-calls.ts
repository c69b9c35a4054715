/** The calls of an agent's `beforeTool` and `afterTool` around one tool call. */
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import type {
  AfterToolDecision,
  AfterToolInfo,
  BeforeToolDecision,
  BeforeToolInfo,
} from '../tool-hooks.ts'
import type { ToolContext } from '../tool.ts'
import type { ToolCall } from './tool-inputs.ts'
import type { ReadyTool } from './tool-table.ts'

/** The hooks of an agent, with the context of the run. */
export interface ToolHooks {
  before: ((info: BeforeToolInfo) => BeforeToolDecision | Promise<BeforeToolDecision>) | undefined
  after: ((info: AfterToolInfo) => AfterToolDecision | Promise<AfterToolDecision>) | undefined
}

/** Undefined if the agent has no hooks, so that its calls pay for none. */
export function toolHooks<CONTEXT>(
  { beforeTool, afterTool }: Agent<CONTEXT>,
  context: CONTEXT,
): ToolHooks | undefined {
  if (beforeTool === undefined && afterTool === undefined) return undefined
  return {
    before: beforeTool && ((info) => beforeTool(info, context)),
    after: afterTool && ((info) => afterTool(info, context)),
  }
}

export function infoOf(call: ToolCall, context: ToolContext): BeforeToolInfo {
  const { toolCallId, messages, signal, idempotencyKey, conversation, agent, depth } = context
  const { principal, sessionId, messageId } = context
  const { toolName, input } = call
  return {
    toolCallId,
    toolName,
    input,
    messages,
    signal,
    idempotencyKey,
    conversation,
    principal,
    sessionId,
    messageId,
    agent,
    depth,
  }
}

/**
 * Asks `beforeTool` about a call. Returns the call as the tool gets it, or its output.
 * @throws LoomError `refused` with the reason of a refusal; `invalid-request` for an input that does not
 * fit the tool; the error of the hook
 */
export async function beforeCall(
  call: ToolCall,
  tool: ReadyTool,
  { hooks, context }: { hooks: ToolHooks | undefined; context: ToolContext },
): Promise<{ call: ToolCall } | { output: unknown }> {
  const decision = await hooks?.before?.(infoOf(call, context))
  // An agent may be written without types.
  if (typeof decision !== 'object' || decision === null) return { call }
  if ('refuse' in decision) {
    throw new LoomError('refused', decision.refuse || 'The call was refused.')
  }
  if ('output' in decision) return decision
  if (!('input' in decision)) return { call }
  const checked = await tool.check(decision.input)
  if ('input' in checked) return { call: { ...call, checkedInput: checked.input } }
  throw new LoomError(
    'invalid-request',
    `The input that beforeTool set does not fit the tool:\n${checked.refusal}`,
  )
}
