/**
 * Agents and the conversations with them, on one store: the object that a server or a program holds. The
 * constructor starts nothing. The instance starts with its routes, or with the first message. The file is
 * long because each option has its text for the hover of an editor.
 */
import { AgentSession } from './agent-session.ts'
import type { Agent, AnyAgent, TimeLimits } from './agent.ts'
import type { ContextLeft, ContextValue } from './context-option.ts'
import { type Clock, systemClock } from './ground/clock.ts'
import { LoomError } from './ground/error.ts'
import { type FieldsOf, refuseMisspeltFields, refuseUnknownFields } from './ground/known-fields.ts'
import type { ModelReference, Models } from './model.ts'
import type { WithModels } from './run-options.ts'
import { defaultTimeLimits } from './runner/read-model.ts'
import { checkWhole } from './session/given-value.ts'
import { missingAgent } from './session/mailboxes.ts'
import { noSession } from './session/receipt.ts'
import { type SessionInfo, sessionInfo } from './session/session-info.ts'
import type { StorageLimits } from './session/storage-limits.ts'
import type { TurnMeter } from './session/turn-meter.ts'
import { Sessions, type SessionsOptions } from './sessions.ts'
import type { Store } from './store.ts'
import { openMemoryStore } from './store/memory.ts'
import type { FileUrls } from './wire/conversation/file-address.ts'

/**
 * The options of `Loom`.
 * @example
 * ```ts
 * import { defineAgent, type LoomOptions } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const options: LoomOptions = { agents: [agent], mailboxLimit: 10, logTtlMs: 3_600_000 }
 * ```
 */
export interface LoomOptions<AGENTS extends readonly AnyAgent[] = readonly AnyAgent[]> {
  /**
   * The agents of the sessions, at least one. Their callbacks receive the context of a message: JSON that
   * the sender chooses, so they must check it.
   */
  agents: AGENTS
  /**
   * The store of the sessions. `Loom.close` closes it too. @defaultValue a new `openMemoryStore()`
   */
  store?: Store
  /** The name of the agent for requests that name none. @defaultValue the first of `agents` */
  defaultAgent?: string
  /** Resolves model strings. @defaultValue the providers of the environment */
  models?: Models
  /** The model of agents that name none. @defaultValue 'demo/assistant' */
  defaultModel?: ModelReference
  /** The time limits of model calls. @defaultValue the defaults of `TimeLimits` */
  limits?: Partial<TimeLimits>
  /**
   * The time of the turns: their time limits, their pauses before retries, and the durations that they
   * report. Heartbeats and streams keep the time of the process. A test passes `fakeClock()` of
   * `loomkit/testing`. @defaultValue the clock of the process
   */
  clock?: Clock
  /**
   * The time without a heartbeat after which an instance counts as dead, in milliseconds.
   * @defaultValue 3000
   */
  heartbeatMs?: number
  /**
   * The minimum time between two writes of a turn to the store, in milliseconds.
   * @defaultValue 20 with `store`, otherwise 0
   */
  flushMs?: number
  /** The time that a turn waits for an unreachable store, in milliseconds. @defaultValue 30000 */
  patienceMs?: number
  /** The time that a finished answer can still be resumed, in milliseconds. @defaultValue 600000 */
  logTtlMs?: number
  /** The maximum number of messages that wait in a session. @defaultValue 100 */
  mailboxLimit?: number
  /**
   * The maximum size of the messages that wait in a session, in bytes of their JSON. One message always fits.
   * @defaultValue 20971520
   */
  mailboxBytesMax?: number
  /** The most that one principal may store: a subject of a tenant, or a whole tenant. @defaultValue no limits */
  storageLimits?: StorageLimits
  /**
   * The number of turns on this instance after which it refuses new messages with the code `unavailable`, so
   * that another instance takes them. Takeovers and queued messages then wait for a place. Tasks, and answers
   * to calls, count but do not wait. @defaultValue Infinity
   */
  turnsMax?: number
  /**
   * Counts the turns and the spending of principals, for limits of the application. @defaultValue counts nothing
   */
  meter?: TurnMeter
  /**
   * Whether this process delivers scheduled messages and removes sessions after the `retentionDays` of their agents, and its
   * tools may schedule messages. False suits a program
   * that shows only the answers which it asked for. @defaultValue true
   */
  schedules?: boolean
  /** The limits of tasks, the runs of sub-agents in sessions. @defaultValue those of `TaskOptions` */
  tasks?: Partial<TaskOptions>
  /** The silence on a stream before a comment is sent, in milliseconds. @defaultValue 15000 */
  keepAliveMs?: number
  /**
   * The time that a follower waits for a hint before it reads the store, in milliseconds.
   * @defaultValue 1000
   */
  pollMs?: number
  /**
   * The addresses that a posted file may have besides a `data:` URL. `public` allows `https:` addresses
   * outside private networks, `any` also `http:` and private networks. `download` allows the same as `public`, and the
   * session downloads each file when it is posted. @defaultValue 'public'
   */
  fileUrls?: FileUrls
  /** Receives errors that belong to no caller. @defaultValue emits a process warning */
  report?: (error: unknown) => void
}

/** The fields of `LoomOptions`. */
export const loomFields: FieldsOf<LoomOptions> = {
  agents: true,
  store: true,
  defaultAgent: true,
  models: true,
  defaultModel: true,
  limits: true,
  clock: true,
  heartbeatMs: true,
  flushMs: true,
  patienceMs: true,
  logTtlMs: true,
  mailboxLimit: true,
  mailboxBytesMax: true,
  storageLimits: true,
  turnsMax: true,
  meter: true,
  schedules: true,
  tasks: true,
  keepAliveMs: true,
  pollMs: true,
  fileUrls: true,
  report: true,
}

/**
 * The limits of trees of tasks. A tree is a session with the tasks that it started, and those that they started.
 * @example
 * ```ts
 * import { defineAgent, Loom, type TaskOptions } from 'loomkit'
 *
 * const tasks: Partial<TaskOptions> = { openMax: 4 }
 * const loom = new Loom({ agents: [defineAgent({ name: 'tutor', systemPrompt: 'Teach.' })], tasks })
 * ```
 */
export interface TaskOptions {
  /** The greatest number of sessions above a task. A tool call beyond it fails. @defaultValue 3 */
  depthMax: number
  /** The number of tasks of one session that run at once. More of them wait. @defaultValue 16 */
  openMax: number
  /** The number of tasks of a tree that have not ended. A tool call beyond it fails. @defaultValue 256 */
  unfinishedMax: number
}

const taskDefaults = { depthMax: 3, openMax: 16, unfinishedMax: 256 } satisfies TaskOptions

/** @throws LoomError `invalid-config` */
function taskLimits(tasks: Partial<TaskOptions> = {}): TaskOptions {
  refuseUnknownFields(tasks, { subject: 'The option tasks has', known: taskDefaults })
  const {
    depthMax = taskDefaults.depthMax,
    openMax = taskDefaults.openMax,
    unfinishedMax = taskDefaults.unfinishedMax,
  } = tasks
  const limits = { depthMax, openMax, unfinishedMax }
  for (const [name, value] of Object.entries(limits)) {
    const least = name === 'depthMax' ? 0 : 1
    if (Number.isSafeInteger(value) && value >= least) continue
    throw new LoomError('invalid-config', `tasks.${name} must be a whole number from ${least}.`)
  }
  return limits
}

/** @throws LoomError `invalid-config` */
function placesOf(turnsMax = Infinity): number {
  if (turnsMax === Infinity || (Number.isSafeInteger(turnsMax) && turnsMax > 0)) return turnsMax
  throw new LoomError('invalid-config', 'turnsMax must be a whole number from 1, or Infinity.')
}

/** The owner of sessions. */
interface OfPrincipal {
  /** The user or the tenant to whom the session belongs: over HTTP, the one of `principalOf`. @defaultValue '' */
  principal?: string
}

/** The options of `Loom.startAgent`. */
interface StartOptions<CONTEXT> extends OfPrincipal {
  /**
   * The context of each message that brings none.
   * @defaultValue the session's last context, or `{}` if no message had one
   */
  context?: CONTEXT | undefined
}

/** The options of `Loom.listSessions`. */
interface ListOptions extends OfPrincipal {
  /** The maximum number of sessions. @defaultValue 50 */
  limit?: number
  /** `before` of the previous page. @defaultValue the first page */
  before?: number
}

/** Agents and the conversations with them, on one store; `sessionRoutes` serves it over HTTP. */
export class Loom<
  const AGENTS extends readonly AnyAgent[] = readonly AnyAgent[],
> implements AsyncDisposable {
  #agents: readonly Agent[]
  #defaultAgent: string
  /** The model of agents that name none. */
  readonly defaultModel: ModelReference
  /** Resolves model strings. */
  readonly models: Models
  /** The silence on a stream before a comment is sent, in milliseconds. */
  readonly keepAliveMs: number
  /** The addresses that a posted file may have besides a `data:` URL. */
  readonly fileUrls: FileUrls
  /** Receives errors that belong to no caller. */
  readonly report: (error: unknown) => void
  readonly #sessionsOptions: SessionsOptions
  #sessions: Sessions | undefined

  constructor(options: WithModels<LoomOptions<AGENTS>>) {
    refuseMisspeltFields(options, { subject: 'The options of Loom have', known: loomFields })
    const { store = openMemoryStore(), keepAliveMs = 15_000, report = warn } = options
    const agents = options.agents.map(ofAnyContext)
    const [first] = agents
    if (first === undefined) throw new LoomError('invalid-config', 'Loom needs an agent.')
    checkNames(agents)
    this.#agents = agents
    this.#defaultAgent = options.defaultAgent ?? first.name
    this.defaultModel = options.defaultModel ?? 'demo/assistant'
    this.models = options.models
    this.keepAliveMs = keepAliveMs
    this.fileUrls = options.fileUrls ?? 'public'
    this.report = report
    this.#sessionsOptions = {
      store,
      report,
      tails: new Map(),
      agentOf: (name) => this.#agents.find((agent) => agent.name === name),
      agentNames: () => this.#agents.map(({ name }) => name),
      models: this.models,
      defaultModel: this.defaultModel,
      limits: { ...defaultTimeLimits, ...options.limits },
      clock: options.clock ?? systemClock,
      // Fewer writes to a store in memory save nothing.
      flushMs: options.flushMs ?? (options.store === undefined ? 0 : 20),
      patienceMs: options.patienceMs ?? 30_000,
      heartbeatMs: options.heartbeatMs ?? 3000,
      logTtlMs: options.logTtlMs ?? 600_000,
      mailboxLimit: options.mailboxLimit ?? 100,
      mailboxBytesMax: options.mailboxBytesMax ?? 20_971_520,
      storageLimits: options.storageLimits ?? {},
      turnsMax: placesOf(options.turnsMax),
      meter: options.meter,
      schedules: options.schedules ?? true,
      tasks: taskLimits(options.tasks),
      // Hints are fast, but some are lost.
      pollMs: options.pollMs ?? 1000,
    }
  }

  /**
   * The conversations. They open at first use: Cloudflare Workers has no random values, which an
   * instance needs for its id, before the first request.
   */
  get sessions(): Sessions {
    return (this.#sessions ??= new Sessions(this.#sessionsOptions))
  }

  /** The agents of the sessions. */
  get agents(): readonly Agent[] {
    return this.#agents
  }

  /** The name of the agent for requests that name none. */
  get defaultAgent(): string {
    return this.#defaultAgent
  }

  /**
   * Replaces all agents, for example after a change of their code. A turn that runs ends with the agent
   * that it began with, and each later turn uses the new one. A session whose agent is missing now
   * refuses messages until an instance with this agent has it.
   * @param agents the new agents. Without any, every message is refused
   * @param defaultAgent the agent for requests that name none. @defaultValue the first of `agents`
   * @throws LoomError `invalid-config` for two agents of one name; the agents stay as they were
   * @example
   * ```ts
   * import { defineAgent, Loom } from 'loomkit'
   *
   * const loom = new Loom({ agents: [defineAgent({ name: 'tutor', systemPrompt: 'Teach.' })] })
   * loom.replaceAgents([defineAgent({ name: 'tutor', systemPrompt: 'Teach with examples.' })])
   * ```
   */
  replaceAgents(agents: readonly Agent<never>[], defaultAgent?: string): void {
    const next = agents.map(ofAnyContext)
    checkNames(next)
    this.#agents = next
    this.#defaultAgent = defaultAgent ?? this.#agents[0]?.name ?? this.#defaultAgent
  }

  /** Returns the agent with this name. @throws LoomError `unknown-agent` */
  agentOf(name: string): Agent {
    const agent = this.agents.find((agent) => agent.name === name)
    if (agent !== undefined) return agent
    const names = this.agents.map((agent) => agent.name).join(', ')
    throw new LoomError(
      'unknown-agent',
      names === '' ? 'There is no agent.' : `There is no such agent. There are: ${names}.`,
    )
  }

  /**
   * Opens a new or an earlier session with one of the agents.
   * @param name the name of the agent. @defaultValue `defaultAgent`
   * @param id the id of the session in the store. @defaultValue a random UUID
   * @throws LoomError `unknown-agent`, or `invalid-request` for an invalid id
   */
  startAgent<
    const NAME extends AGENTS[number]['name'] = AGENTS[number]['name'],
    GIVEN extends ContextValue<ContextOfAgent<AGENTS, NAME>> | undefined = undefined,
  >(
    name?: NAME,
    id?: string,
    { context, principal }: StartOptions<GIVEN> = {},
  ): AgentSession<ContextLeft<ContextOfAgent<AGENTS, NAME>, GIVEN>, OutputOfAgent<AGENTS, NAME>> {
    const agent = this.agentOf(name ?? this.defaultAgent)
    return new AgentSession(agent, {
      loom: this,
      context,
      ...(id !== undefined && { id }),
      ...(principal !== undefined && { principal }),
    })
  }

  /**
   * Opens an earlier session with its own agent. Returns undefined if the principal has no such session.
   * @throws LoomError `unavailable` if only another instance has the agent
   */
  async session(
    id: string,
    { principal = '' }: OfPrincipal = {},
  ): Promise<AgentSession<never> | undefined> {
    const session = await this.sessions.find(principal, id)
    if (session === undefined) return undefined
    const agent = this.agents.find(({ name }) => name === session.agent)
    if (agent === undefined)
      throw missingAgent(
        session.agent,
        this.agents.map(({ name }) => name),
      )
    return new AgentSession(agent, { loom: this, id, principal })
  }

  /**
   * Returns the sessions of a principal, the last used first.
   * @returns a page; `before` is absent on the last one
   * @throws LoomError `invalid-request` for a `limit` or `before` that is no whole number
   */
  async listSessions({ principal = '', limit = 50, before }: ListOptions = {}): Promise<{
    /** The sessions of this page, the last used first. */
    sessions: SessionInfo[]
    /** The start of the next page. Absent on the last page. */
    before?: number
  }> {
    checkWhole('limit', limit, 1)
    checkWhole('before', before)
    const from = before !== undefined && { before }
    const page = await this.sessions.list(principal, { limit, ...from })
    return { ...page, sessions: page.sessions.map(sessionInfo) }
  }

  /**
   * Deletes a session and ends its turn.
   * @throws LoomError `not-found` if the principal has no such session
   */
  async deleteSession(id: string, { principal = '' }: OfPrincipal = {}): Promise<void> {
    const session = await this.sessions.find(principal, id)
    const isDeleted = session && (await this.sessions.remove(session.id, principal))
    if (isDeleted !== true) throw noSession()
  }

  /** Hands running turns over to other instances on the same store, and closes the store. */
  close(): Promise<void> {
    return this.sessions.close()
  }

  /** Closes the object at the end of an `await using` block; see `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The context of the agents with this name. `never`, so any context, if their types do not say which. */
type ContextOfAgent<AGENTS extends readonly AnyAgent[], NAME extends string> = string extends NAME
  ? never
  : ContextOf<Extract<AGENTS[number], { name: NAME }>>

/** The context of an agent. */
type ContextOf<AGENT> = AGENT extends Agent<infer CONTEXT> ? CONTEXT : never

/** The output of the agents with this name. `unknown` if their types do not say which. */
type OutputOfAgent<AGENTS extends readonly AnyAgent[], NAME extends string> = string extends NAME
  ? unknown
  : OutputOf<Extract<AGENTS[number], { name: NAME }>>

type OutputOf<AGENT> = AGENT extends Agent<never, infer OUTPUT> ? OUTPUT : never

/** Requests name an agent, so the second of two agents with one name could never be reached. */
function checkNames(agents: readonly Agent[]): void {
  const named = new Map<string, Agent>()
  for (const agent of agents) {
    const other = named.get(agent.name) ?? agent
    if (other !== agent) {
      throw new LoomError(
        'invalid-config',
        `Two agents are named "${agent.name}". Give each agent of a Loom a name of its own.`,
      )
    }
    named.set(agent.name, agent)
  }
}

/** A context comes from the sender of a message as JSON, so no type can describe it. */
function ofAnyContext(agent: AnyAgent): Agent
function ofAnyContext(agent: unknown): unknown {
  return agent
}

const warn = (error: unknown) => process.emitWarning(error instanceof Error ? error : String(error))
