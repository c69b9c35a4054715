/**
 * Opens the conversations of `loom chat` in this process: the agent, its tools and models, and the
 * store.
 */
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { ActingWorld } from '../acting.ts'
import type { Agent } from '../agent.ts'
import { type Config, readConfig } from '../config.ts'
import { commandSettings } from '../config/command-settings.ts'
import { type Environment } from '../ground/environment.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { attachDefaultLogger } from '../ground/telemetry.ts'
import { Loom } from '../loom.ts'
import { openSandbox } from '../machine/sandbox.ts'
import { Workspace } from '../machine/workspace.ts'
import type { ModelReference, Models } from '../model.ts'
import { networkFetch } from '../model/network.ts'
import { createModels } from '../model/resolve.ts'
import { agentNames } from '../project/agents.ts'
import { errorLog } from '../server/error-log.ts'
import { openRegistry } from '../server/open-registry.ts'
import { openStore } from '../server/open-store.ts'
import type { Store } from '../store.ts'
import { openMemoryStore } from '../store/memory.ts'
import { toolNames } from '../tool-list.ts'
import type { NamedTool } from '../tool.ts'
import { warmUp } from '../warm-up.ts'
import { agentsFor, builtInAgents, findAgent, findTools, type NameWorld } from './app-names.ts'
import type { CommandWorld } from './app.ts'
import type { Grants } from './approval.ts'
import { chatAgent } from './chat-agent.ts'
import type { ChatFlags } from './chat-options.ts'
import { commandMcp } from './command-mcp.ts'
import type { ChatSettings, Conversation, Conversations } from './conversation.ts'
import { fileBackedStore } from './file-store.ts'
import { localConversations } from './local-conversations.ts'
import { plainLine } from './render/plain.ts'
import { type StoredSession, SessionFiles } from './session-files.ts'
import { directoryOf, isAvailable, storedSession, modelOf } from './stored-session.ts'

export interface LocalChat {
  conversations: Conversations
  models: Models
  settings: ChatSettings
  /** The model that answers if `settings` name none. */
  defaultModel: string
  /** Loads the tools of these names or files. @throws LoomError `invalid-request` */
  toolsOf: (words: readonly string[]) => Promise<readonly NamedTool[]>
  /** Returns the names of the tools that the model gets now, with those of MCP servers. */
  toolNames: () => Promise<readonly string[]>
  /** The folder that the agent works in. */
  directory: string
  /** Whether this is not the folder of a new session. */
  isElsewhere: boolean
  /** The stored session that the flags name. */
  stored: StoredSession | undefined
  /**
   * Uses the model of the last answer, unless the flags name a model. Returns a line for the user if
   * that model cannot be used now, for example without its key. Another model then answers.
   */
  keepModel: (conversation: Conversation) => Promise<string | undefined>
  /** Returns the context window of the current model, in tokens. Undefined if it is not known. */
  windowNow: () => Promise<number | undefined>
}

export interface OpenOptions {
  flags: ChatFlags
  grants: Grants
  /** Whether the conversation outlives this process. */
  isStored: boolean
}

/** @throws LoomError for a wrong flag, setting, file or model, before the first message is sent */
export async function openLocalChat(
  world: CommandWorld,
  { flags, grants, isStored }: OpenOptions,
): Promise<LocalChat> {
  const { program } = world
  const config = chatConfig(program.env)
  // In the background, so that the first message does not wait for it.
  warmUp().catch(() => undefined)
  const isRedis = isStored && config.redisUrl !== undefined
  const files = isStored && !isRedis ? new SessionFiles(program.env) : undefined
  const stored = await storedSession(flags, { files, here: config.workspace })
  const directory = directoryOf(stored, { config, environment: program.env })
  const names = nameWorld(world, { config, directory, isQuiet: flags.quiet === true })
  const words = flags.agent === undefined ? [stored?.agent, config.agent] : [flags.agent]
  const agents = await agentsFor(words, world)
  const isOurs = stored !== undefined && agentNames(agents).includes(stored.agent)
  const word = flags.agent ?? (isOurs ? stored.agent : (config.agent ?? 'assistant'))
  const agent = await findAgent(word, { agents, world: names })
  const registry = await openRegistry(config, { fetch: networkFetch(program.env) })
  const models = createModels({ environment: program.env, registry })
  const toolsOf = (words: readonly string[]) => findTools(words, names)
  const settings: ChatSettings = {
    model: flags.model,
    tools: flags.tools === undefined ? undefined : await toolsOf(flags.tools),
  }
  const delegates = new Set(agentNames(await builtInAgents(world)))
  const mcp = await commandMcp(world, { flags, directory: resolve(program.cwd()) })
  const changedAgent = chatAgent(agent, {
    mcp,
    flags,
    settings,
    approval: { grants, delegates },
    defaultModel: config.model,
  })
  await checkModels(agent, { settings, models, config })
  const writeLine = (line: string) => program.stderr.write(`${line}\n`)
  const isDebugging = config.logLevel === 'debug'
  if (isDebugging) attachDefaultLogger(writeLine)
  const log = errorLog({
    logLevel: isDebugging ? 'debug' : 'silent',
    redact: (text) => models.redact(text),
    writeLine,
  })
  let failure: unknown
  const report = (error: unknown) => {
    failure = error
    log(error)
  }
  const memory = () => openMemoryStore({ sessionTtlMs: config.sessionTtlMs })
  const inFiles = files === undefined ? undefined : fileBackedStore(memory(), { files, directory })
  const store = isRedis ? await openRedis(config, report) : (inFiles ?? memory())
  const loom = new Loom({
    // The terminal shows only the answers that it asked for, and this process may end before a due time.
    schedules: false,
    agents: [changedAgent, ...agents.harmless.filter(({ name }) => name !== changedAgent.name)],
    models,
    report,
    store,
    defaultModel: config.model,
    limits: config.limits,
    // A write to memory costs nothing, so it need not wait.
    flushMs: isRedis ? config.flushMs : 0,
    patienceMs: config.redisPatienceMs,
    heartbeatMs: config.heartbeatMs,
    tasks: config.tasks,
  })
  const conversations = localConversations({
    loom,
    agent: changedAgent.name,
    isRedis,
    files,
    fileStore: inFiles,
    failure: () => failure,
  })
  const dispose = conversations[Symbol.asyncDispose]
  conversations[Symbol.asyncDispose] = async () => {
    await Promise.all([dispose(), mcp?.close()])
  }
  return {
    conversations,
    models,
    settings,
    toolsOf,
    toolNames: () => toolNamesOf(changedAgent),
    defaultModel: modelName(agent, config),
    directory,
    isElsewhere: directory !== config.workspace,
    stored,
    async keepModel(conversation) {
      if (flags.model !== undefined) return undefined
      const model = modelOf(await conversation.messages())
      if (model === undefined) return undefined
      if (await isAvailable(model, models)) {
        settings.model = model
        return undefined
      }
      const now = typeof settings.model === 'string' ? settings.model : modelName(agent, config)
      return `${plainLine(model)}, the model of this session, cannot be used now: ${now} answers`
    },
    async windowNow() {
      const own = typeof agent.model === 'string' ? agent.model : config.model
      const { contextWindow, maxInputTokens } = await models.facts(settings.model ?? own)
      return contextWindow ?? maxInputTokens
    },
  }
}

/** The longest wait for the first answer of Redis, in milliseconds. */
const firstReplyMs = 5000

/** @throws LoomError `invalid-config` */
async function openRedis(config: Config, report: (error: unknown) => void): Promise<Store> {
  const late = delay(firstReplyMs, undefined, { ref: false }).then(() => {
    throw new LoomError('unavailable', `it did not answer within ${firstReplyMs / 1000} s`)
  })
  try {
    // After the deadline the process ends, so a late connection need not be closed.
    const { store } = await Promise.race([openStore({ config, report }), late])
    return store
  } catch (cause) {
    const message = `REDIS_URL cannot be used: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

/** A chat opens no port, so a bad setting of the server must not prevent it. */
function chatConfig(environment: Environment): Config {
  const { PORT, ...rest } = environment
  return readConfig(commandSettings(rest))
}

function nameWorld(
  world: CommandWorld,
  { config, directory, isQuiet }: { config: Config; directory: string; isQuiet: boolean },
): NameWorld {
  const { env: environment, stderr } = world.program
  const notice = (line: string) => {
    if (!isQuiet) stderr.write(`loom: ${line}\n`)
  }
  // All tools share one workspace, because `edit_file` accepts only files that `read_file` has
  // read.
  let opened: Promise<ActingWorld> | undefined
  const open = async () => ({
    workspace: await Workspace.open(directory),
    sandbox: openSandbox({ ...config.sandbox, environment, notice }),
    environment,
  })
  return {
    ...world,
    async acting({ runsCommands }) {
      opened ??= open()
      const acting = await opened
      if (runsCommands) await acting.sandbox.kind()
      return acting
    },
  }
}

/** Reports a bad model in one line before the first message is sent. */
async function checkModels(
  { model }: Agent,
  { settings, models, config }: { settings: ChatSettings; models: Models; config: Config },
): Promise<void> {
  // The model of a callback is not known before the turn.
  const own = typeof model === 'function' ? undefined : model
  const wanted: ModelReference | readonly ModelReference[] = settings.model ?? own ?? config.model
  const [first] = Array.isArray(wanted) ? wanted : [wanted]
  if (first !== undefined) await models.resolve(first)
}

function modelName({ model }: Agent, { model: usual }: Config): string {
  if (model === undefined) return usual
  return typeof model === 'string' ? model : "the agent's own"
}

/** A conversation of the command has an empty context, as each of its turns has. */
async function toolNamesOf({ tools = [] }: Agent): Promise<string[]> {
  return toolNames(typeof tools === 'function' ? await tools({}) : tools)
}
