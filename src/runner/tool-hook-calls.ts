/** The calls of an agent's `beforeTool` and `afterTool` around one tool call. */
import type { Agent } from '../agent.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { isFields } from '../ground/fields.ts'
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
 * fit the tool; `invalid-config` for a decision that is none; the error of the hook
 */
export async function beforeCall(
  call: ToolCall,
  tool: ReadyTool,
  { hooks, context }: { hooks: ToolHooks | undefined; context: ToolContext },
): Promise<{ call: ToolCall } | { output: unknown }> {
  const decision = await hooks?.before?.(infoOf(call, context))
  const { input, refuse, output } = decisionIn(decision, 'beforeTool', [
    'input',
    'refuse',
    'output',
  ])
  if (refuse !== undefined) throw new LoomError('refused', reasonIn(refuse, 'beforeTool'))
  if (output !== undefined) return { output: output.value }
  if (input === undefined) return { call }
  const checked = await tool.check(input.value)
  if ('input' in checked) return { call: { ...call, checkedInput: checked.input } }
  throw new LoomError(
    'invalid-request',
    `The input that beforeTool set does not fit the tool:\n${checked.refusal}`,
  )
}

/** Returns the output or the error that `afterTool` decided for a call. Undefined leaves its outcome. */
export function decisionAfter(
  decision: AfterToolDecision,
): { output: unknown } | { error: string } | undefined {
  const { error, output } = decisionIn(decision, 'afterTool', ['output', 'error'])
  if (error !== undefined) return { error: reasonIn(error, 'afterTool') }
  return output && { output: output.value }
}

/**
 * The field of a decision of a hook. A hook may be written without types, and it may guard the tool: a
 * decision that is not understood must not let the call pass.
 * @throws LoomError `invalid-config`
 */
function decisionIn<NAME extends string>(
  decision: object | undefined | null | void,
  hook: string,
  names: readonly NAME[],
): Partial<Record<NAME, { value: unknown }>> {
  if (decision === undefined || decision === null) return {}
  const fields = new Map<string, unknown>(isFields(decision) ? Object.entries(decision) : [])
  const isKnown = isFields(decision) && [...fields.keys()].every((name) => isOneOf(name, names))
  if (!isKnown) {
    const forms = names.map((name) => `{ ${name} }`).join(', ')
    throw new LoomError('invalid-config', `${hook} must return nothing or one of ${forms}.`)
  }
  const found: Partial<Record<NAME, { value: unknown }>> = {}
  for (const name of names) if (fields.has(name)) found[name] = { value: fields.get(name) }
  return found
}

const isOneOf = (name: string, names: readonly string[]): boolean => names.includes(name)

/** The text of a refusal or an error. An error object is a plausible mistake and has a text. */
function reasonIn({ value }: { value: unknown }, hook: string): string {
  if (typeof value === 'string' || value instanceof Error) {
    return errorMessage(value) || 'The call was refused.'
  }
  return hook === 'beforeTool' ? 'The call was refused.' : 'The call failed.'
}
