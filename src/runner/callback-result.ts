/** The result of a callback of the user, which may never come. */
import type { Agent } from '../agent.ts'
import { LoomError } from '../ground/error.ts'
import { withinLimit } from '../ground/time-limit.ts'
import { abortError } from '../ground/until-aborted.ts'
import type { AgentTools } from '../tool.ts'
import { defaultTimeLimits } from './read-model.ts'

export interface CallbackCall {
  /** The callback in the error text: `prepareStep of agent "tutor"`. */
  name: string
  signal?: AbortSignal | undefined
  /** The longest wait, in milliseconds of the process: a test that moves its clock must not end the wait. */
  limitMs: number
}

/**
 * @throws the error of the callback; LoomError `internal` after the limit; the signal's reason, as an error,
 * once the signal is aborted
 */
export async function callbackResult<RESULT>(
  { name, signal, limitMs }: CallbackCall,
  callback: () => RESULT | PromiseLike<RESULT>,
): Promise<RESULT> {
  if (signal?.aborted === true) throw abortError(signal)
  const lateError = () =>
    new LoomError('internal', `${name} did not return within ${limitMs / 1000} s.`)
  return withinLimit({ limitMs, lateError, signal: () => signal }, callback)
}

/**
 * The result of a callback outside of the agent's run, before its first model call.
 * @param field the field of the agent that has the callback
 * @throws as `callbackResult`
 */
export function earlyResult<RESULT>(
  agent: Pick<Agent<never>, 'name' | 'limits'>,
  field: string,
  callback: () => RESULT | PromiseLike<RESULT>,
  signal?: AbortSignal,
): Promise<RESULT> {
  const limitMs = agent.limits?.stepMs ?? defaultTimeLimits.stepMs
  return callbackResult({ name: `${field} of agent "${agent.name}"`, limitMs, signal }, callback)
}

/** The tools of an agent outside of its run, for its earlier messages. @throws as `callbackResult` */
export async function earlyTools<CONTEXT>(
  agent: Agent<CONTEXT>,
  context: CONTEXT,
  signal?: () => AbortSignal,
): Promise<AgentTools> {
  const { tools = [] } = agent
  if (typeof tools !== 'function') return tools
  return earlyResult(agent, 'tools', () => tools(context), signal?.())
}
