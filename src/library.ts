/**
 * The exports of the library that need models. If the caller passes no models, these functions use
 * the models of the environment. The modules behind these functions load at the first call, so that
 * an import of the library is fast.
 */
import type { ModelMessage } from 'ai'
import type { Context } from 'hono'

import type { AgentSession } from './agent-session.ts'
import type { Agent, AnyAgent } from './agent.ts'
import type { ContextLeft, ContextValue, OptionsArgument } from './context-option.ts'
import { processEnvironment } from './ground/environment.ts'
import { type FieldsOf, refuseMisspeltFields } from './ground/known-fields.ts'
import { Loom as LoomOfModels, loomFields, type LoomOptions } from './loom.ts'
import type { Models } from './model.ts'
import { createModels } from './model/resolve.ts'
import { runOptionFields, type RunOptions, type WithModels } from './run-options.ts'
import type { RunResult } from './run-result.ts'
import type { StreamAgentOptions } from './stream-agent.ts'
import { type AgentStream, eventsOf } from './stream.ts'
import { warmUp } from './warm-up.ts'

/** @throws LoomError `invalid-config` if the environment has a proxy with an invalid address */
function withModels<OPTIONS extends { models?: Models }>(options: OPTIONS): WithModels<OPTIONS> {
  const { models = createModels({ environment: processEnvironment() }) } = options
  return { ...options, models }
}

/**
 * Runs an agent until it is done.
 * @param messages the conversation so far; a string is one user message
 * @returns the result of the run: the text, the output, all messages, the usage and the outcome
 * @throws LoomError `unknown-model`, `missing-key` or `invalid-config` before the first event;
 * `model-failed` or `model-timeout` if every attempt failed; `context-overflow` if the prompt does
 * not fit into the model's window; `output-invalid` if the answer does not fit the agent's `output`
 * schema, also after corrections; `over-budget` if the budget of the session is spent; `aborted`.
 * The errors `model-failed`, `model-timeout`, `context-overflow`, `output-invalid`, `over-budget` and
 * `aborted` come after the last event. Their `result` holds the text and the steps up to then. An error of the sink
 * is thrown unchanged.
 * @example
 * ```ts
 * import { defineAgent, run } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { text, messages } = await run(agent, 'What is 2 + 2?')
 * const next = await run(agent, [...messages, { role: 'user', content: 'And twice that?' }])
 * ```
 */
export async function run<CONTEXT, OUTPUT>(
  agent: Agent<CONTEXT, OUTPUT>,
  messages: string | readonly ModelMessage[],
  ...[options]: OptionsArgument<Omit<RunOptions, 'context'>, NoInfer<CONTEXT>>
): Promise<RunResult<OUTPUT>> {
  refuseMisspeltFields(options, { subject: 'The options of run have', known: runOptionFields })
  const runner = await import('./runner.ts')
  return runner.run(agent, messages, withModels(runOptions<CONTEXT>(options)))
}

/** The signatures of `run`, `stream` and `streamAgent` require the context. Behind them it may be absent. */
const runOptions = <CONTEXT>(options: object | undefined): RunOptions<CONTEXT> => ({ ...options })

/**
 * Runs an agent and returns its events as they happen, with backpressure. Only one loop can read
 * them. The run begins with the loop, or when `result` is first read. A loop that ends early aborts
 * the run.
 * @param messages the conversation so far; a string is one user message
 * @throws LoomError as `run`, in the loop and as the rejection of `result`
 * @example
 * ```ts
 * import { defineAgent, stream } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * for await (const event of stream(agent, 'What is 2 + 2?')) {
 *   if (event.type === 'text-delta') process.stdout.write(event.delta)
 * }
 * ```
 */
export function stream<CONTEXT, OUTPUT>(
  agent: Agent<CONTEXT, OUTPUT>,
  messages: string | readonly ModelMessage[],
  ...[given]: OptionsArgument<Omit<RunOptions, 'context' | 'sink'>, NoInfer<CONTEXT>>
): AgentStream<OUTPUT> {
  const options = runOptions<CONTEXT>(given)
  return eventsOf(async (own) => {
    refuseMisspeltFields(given, { subject: 'The options of stream have', known: runOptionFields })
    const runner = await import('./runner.ts')
    return runner.run(agent, messages, withModels({ ...options, ...own }))
  }, options.signal)
}

/**
 * Runs an agent on posted messages and streams its events as the response of a Hono route.
 * @param messages `UIMessage[]` of ai 5 to 7, messages of ai 4, or `ModelMessage[]`.
 * @defaultValue the `messages` of the JSON body, which Loom then reads
 * @throws LoomError `invalid-request` for a bad request, `invalid-config` if a body parser in front of Hono
 * has read the body, and each error that `run` throws before its first event. The stream reports a later
 * failure, and `onError` receives it.
 * @example
 * ```ts
 * import { Hono } from 'hono'
 * import { defineAgent, streamAgent } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const app = new Hono()
 * app.post('/chat', (c) => streamAgent(c, agent))
 * ```
 */
export async function streamAgent<CONTEXT, OUTPUT>(
  c: Context,
  agent: Agent<CONTEXT, OUTPUT>,
  messages?: unknown,
  ...[options]: OptionsArgument<
    Omit<StreamAgentOptions<undefined, NoInfer<OUTPUT>>, 'context'>,
    NoInfer<CONTEXT>
  >
): Promise<Response> {
  const module = await import('./stream-agent.ts')
  return module.streamAgent(c, agent, messages, withModels(runOptions<CONTEXT>(options)))
}

/**
 * Agents and their sessions, on one store. `sessionRoutes` serves them over HTTP, and `startAgent` opens a
 * session in code. `close` hands running turns over to other instances on the same store.
 * @example
 * ```ts
 * import { defineAgent, Loom } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const loom = new Loom({ agents: [agent] })
 * const { text } = await loom.startAgent('tutor').call('What is 2 + 2?')
 * await loom.close()
 * ```
 */
export class Loom<
  const AGENTS extends readonly AnyAgent[] = readonly AnyAgent[],
> extends LoomOfModels<AGENTS> {
  /**
   * @throws LoomError `invalid-config` for an empty list of agents, two agents of one name, or a bad proxy in
   * the environment
   */
  constructor(options: LoomOptions<AGENTS>) {
    super(withModels(options))
    // An import that fails here fails again where the module is used.
    warmUp().catch(() => undefined)
  }
}

/**
 * The options of `startAgent`.
 * @example
 * ```ts
 * import { openRedisStore, type StartAgentOptions } from 'loomkit'
 *
 * const store = await openRedisStore({ url: 'redis://localhost:6379' })
 * const options: StartAgentOptions = { id: 'lesson-1', store }
 * ```
 */
export interface StartAgentOptions<CONTEXT = undefined> extends Omit<
  LoomOptions,
  'agents' | 'defaultAgent'
> {
  /** The id of the session. If the store knows it, the session continues. @defaultValue a random UUID */
  id?: string
  /**
   * The user or the tenant to whom the session belongs. Over HTTP, it is the one of `principalOf`.
   * @defaultValue ''
   */
  principal?: string
  /**
   * The context of each message that brings none of its own.
   * @defaultValue the session's last context, or `{}` if no message had one
   */
  context?: CONTEXT
}

const { agents: _agents, defaultAgent: _defaultAgent, ...sharedFields } = loomFields
const startFields: FieldsOf<StartAgentOptions> = {
  ...sharedFields,
  id: true,
  principal: true,
  context: true,
}

/**
 * Opens a session with one agent. It behaves like a GenServer: `call` waits for the answer, `cast` waits
 * until the message is accepted, `stream` returns the events, `stop` ends the turn, and `messages` returns
 * the history.
 *
 * If the agent has a context, each message brings it, or `options.context` holds it for all messages.
 *
 * In memory it lives as long as the process. With a Redis store, each process that starts the same agent
 * with the same store and id continues it, and also continues a turn whose process died.
 * @throws LoomError `invalid-request` for an invalid id, or `invalid-config` for a bad proxy in the
 * environment
 * @example
 * ```ts
 * import { defineAgent, startAgent } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const session = startAgent(agent)
 * const { text } = await session.call('What is 2 + 2?')
 * await session.close()
 * ```
 */
export function startAgent<
  CONTEXT,
  OUTPUT,
  GIVEN extends ContextValue<CONTEXT> | undefined = undefined,
>(
  agent: Agent<CONTEXT, OUTPUT>,
  options?: StartAgentOptions<GIVEN>,
): AgentSession<ContextLeft<CONTEXT, GIVEN>, OUTPUT>
export function startAgent(
  agent: AnyAgent,
  options: StartAgentOptions<unknown> = {},
): AgentSession<never> {
  refuseMisspeltFields(options, { subject: 'The options of startAgent have', known: startFields })
  const { id, context, principal = '', ...rest } = options
  return new Loom({ ...rest, agents: [agent] }).startAgent(agent.name, id, { context, principal })
}
