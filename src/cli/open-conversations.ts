/** Makes what `loom chat` was told into conversations: whose they are, where they live, what answers. */
import { resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import type { Agent } from '../agent.ts'
import { type Config, readConfig } from '../config.ts'
import { type Environment } from '../ground/environment.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { attachDefaultLogger } from '../ground/telemetry.ts'
import { Loom } from '../loom.ts'
import { openSandbox } from '../machine/sandbox.ts'
import { Workspace } from '../machine/workspace.ts'
import type { ModelReference, Models } from '../model.ts'
import { networkFetch } from '../model/network.ts'
import { createModels } from '../model/resolve.ts'
import type { ActingWorld } from '../server/chosen-agents.ts'
import { errorLog } from '../server/error-log.ts'
import { openStore } from '../server/open-loom.ts'
import { openRegistry } from '../server/open-registry.ts'
import type { Store } from '../store.ts'
import { openMemoryStore } from '../store/memory.ts'
import { toolNames } from '../tool-list.ts'
import type { NamedTool } from '../tool.ts'
import { warmUp } from '../warm-up.ts'
import { agentNamed, agentNames, type NameWorld, toolsNamed } from './app-names.ts'
import type { CommandWorld } from './app.ts'
import type { Grants } from './approval.ts'
import { chatAgent } from './chat-agent.ts'
import type { ChatFlags } from './chat-options.ts'
import { commandMcp } from './command-mcp.ts'
import type { ChatSettings, Conversation, Conversations } from './conversation.ts'
import { directoryOf, isThere, keptSession, modelOf } from './kept-session.ts'
import { keptStore } from './kept-store.ts'
import { localConversations } from './local-conversations.ts'
import { type KeptSession, SessionFiles } from './session-files.ts'

export interface LocalChat {
  conversations: Conversations
  models: Models
  settings: ChatSettings
  /** The model that answers when `settings` name none. */
  defaultModel: string
  /** The tools of these names or files. @throws LoomError `invalid-request` */
  toolsOf: (words: readonly string[]) => Promise<readonly NamedTool[]>
  /** Returns the names of the tools that the model gets now, with those of MCP servers. */
  toolNames: () => Promise<readonly string[]>
  /** The folder that the agent works in. */
  directory: string
  /** That is not the folder where the agent would work in a new session. */
  isElsewhere: boolean
  /** The session that the flags name, as it was kept. */
  kept: KeptSession | undefined
  /** Has the model of a conversation go on with it, unless the flags name one. */
  keepModel: (conversation: Conversation) => Promise<void>
  /** How many tokens the model that answers now takes; undefined where it is not known. */
  windowNow: () => Promise<number | undefined>
}

export interface OpenOptions {
  flags: ChatFlags
  grants: Grants
  /** Whether the conversation is to outlive this process. */
  isKept: boolean
}

/** @throws LoomError for whatever is wrong, before anything is said */
export async function openLocalChat(
  world: CommandWorld,
  { flags, grants, isKept }: OpenOptions,
): Promise<LocalChat> {
  const { program, app } = world
  const config = chatConfig(program.env)
  // In the background, so that the first message does not wait for it.
  warmUp().catch(() => undefined)
  const agents = await app.agents()
  const files = isKept && config.redisUrl === undefined ? new SessionFiles(program.env) : undefined
  const kept = await keptSession(flags, { files, here: config.workspace })
  const directory = directoryOf(kept, { config, environment: program.env })
  const names = nameWorld(world, { config, directory, isQuiet: flags.quiet === true })
  const isOurs = kept !== undefined && agentNames(agents).includes(kept.agent)
  const word = flags.agent ?? (isOurs ? kept.agent : config.agent)
  const agent = await agentNamed(word, { agents, world: names })
  const registry = await openRegistry(config, { fetch: networkFetch(program.env) })
  const models = createModels({ environment: program.env, registry })
  const toolsOf = (words: readonly string[]) => toolsNamed(words, names)
  const settings: ChatSettings = {
    model: flags.model,
    tools: flags.tools === undefined ? undefined : await toolsOf(flags.tools),
  }
  const delegates = new Set(agentNames(agents))
  const mcp = await commandMcp(world, { flags, directory: resolve(program.cwd()) })
  const chatting = chatAgent(agent, {
    mcp,
    flags,
    settings,
    asking: { grants, delegates },
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
  const isRedis = isKept && config.redisUrl !== undefined
  const memory = () => openMemoryStore({ sessionTtlMs: config.sessionTtlMs })
  const keptIn = files === undefined ? undefined : keptStore(memory(), { files, directory })
  const store = isRedis ? await openRedis(config, report) : (keptIn ?? memory())
  const loom = new Loom({
    agents: [chatting, ...agents.harmless.filter(({ name }) => name !== chatting.name)],
    models,
    report,
    store,
    defaultModel: config.model,
    limits: config.limits,
    // Nothing is spared by writing to memory more seldom.
    flushMs: isRedis ? config.flushMs : 0,
    patienceMs: config.redisPatienceMs,
    heartbeatMs: config.heartbeatMs,
  })
  const conversations = localConversations({
    loom,
    agent: chatting.name,
    isRedis,
    files,
    kept: keptIn,
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
    toolNames: () => toolNamesOf(chatting),
    defaultModel: modelName(agent, config),
    directory,
    isElsewhere: directory !== config.workspace,
    kept,
    async keepModel(conversation) {
      if (flags.model !== undefined) return
      const model = modelOf(await conversation.messages())
      // One that cannot be had any more, for want of a key say, gives way to the usual one.
      if (model !== undefined && (await isThere(model, models))) settings.model = model
    },
    async windowNow() {
      const own = typeof agent.model === 'string' ? agent.model : config.model
      const { contextWindow, maxInputTokens } = await models.facts(settings.model ?? own)
      return contextWindow ?? maxInputTokens
    },
  }
}

/** How long a Redis may be silent at the start, where nobody would want to wait for it. */
const firstWordMs = 5000

/** @throws LoomError `invalid-config` */
async function openRedis(config: Config, report: (error: unknown) => void): Promise<Store> {
  const late = delay(firstWordMs, undefined, { ref: false }).then(() => {
    throw new LoomError('unavailable', `it did not answer within ${firstWordMs / 1000} s`)
  })
  try {
    // One that is late is left behind: this process ends.
    return await Promise.race([openStore({ config, report }), late])
  } catch (cause) {
    const message = `REDIS_URL cannot be used: ${errorMessage(cause)}`
    throw new LoomError('invalid-config', message, { cause })
  }
}

/** A chat opens no port, so what is set for a server must not hinder it. */
function chatConfig(environment: Environment): Config {
  const { PORT, HOST, LOOM_CORS_ORIGINS, LOOM_API_KEYS, LOOM_AUTH, ...rest } = environment
  return readConfig(rest)
}

function nameWorld(
  world: CommandWorld,
  { config, directory, isQuiet }: { config: Config; directory: string; isQuiet: boolean },
): NameWorld {
  const { env: environment, stderr } = world.program
  const notice = (line: string) => {
    if (!isQuiet) stderr.write(`loom: ${line}\n`)
  }
  // One for all tools: what one of them has read, another may edit.
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

/** Finds a bad model now, in one line, before anything is said. */
async function checkModels(
  { model }: Agent,
  { settings, models, config }: { settings: ChatSettings; models: Models; config: Config },
): Promise<void> {
  // What a callback will say is not known before it is asked.
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
