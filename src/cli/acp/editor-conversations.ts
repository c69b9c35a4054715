/** Opens the conversations of an editor: in this process, each in the folder of its project, or on a server. */
import type { McpServer } from '@agentclientprotocol/sdk'

import { LoomError } from '../../ground/error.ts'
import type { CommandWorld } from '../app.ts'
import { Grants } from '../approval.ts'
import type { ChatFlags } from '../chat-options.ts'
import type { Conversation, Conversations, ConversationSummary } from '../conversation.ts'
import type { LocalChat } from '../open-conversations.ts'

/** The flags of `loom acp`: some of those of `loom chat`. */
export type AcpFlags = Pick<
  ChatFlags,
  | 'agent'
  | 'allow'
  | 'maxSteps'
  | 'mcp'
  | 'model'
  | 'session'
  | 'system'
  | 'temperature'
  | 'tools'
  | 'url'
  | 'yes'
>

export interface OpenRequest {
  /** The id of a conversation. Undefined begins a new one. */
  id: string | undefined
  /** The folder of the project. */
  cwd: string
  mcpServers: readonly McpServer[]
}

export interface OpenedConversation extends AsyncDisposable {
  conversation: Conversation
  grants: Grants
  isShared: boolean
  /** Undefined if the agent works on a server. */
  local: LocalChat | undefined
  /** Whether the conversation has a message. */
  isKnown: boolean
}

export class EditorConversations {
  readonly #world: CommandWorld
  readonly #flags: AcpFlags

  constructor(world: CommandWorld, flags: AcpFlags) {
    this.#world = world
    this.#flags = flags
  }

  /** @throws LoomError for a wrong flag, setting, file or model */
  async open({ id, cwd, mcpServers }: OpenRequest): Promise<OpenedConversation> {
    const { yes = false, allow = [] } = this.#flags
    const grants = new Grants({ everything: yes, names: allow })
    const { conversations, local } = await this.#open({ id, cwd, mcpServers, grants })
    try {
      const conversation = await conversations.open(id)
      const isKnown =
        local?.stored !== undefined ||
        (id !== undefined && (await conversation.latest()) !== undefined)
      if (local !== undefined && isKnown) await local.keepModel(conversation)
      return {
        conversation,
        grants,
        isShared: conversations.isShared,
        local,
        isKnown,
        [Symbol.asyncDispose]: () => conversations[Symbol.asyncDispose](),
      }
    } catch (error) {
      await conversations[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Lists the conversations, newest first. */
  async list(): Promise<ConversationSummary[]> {
    return this.#with((conversations) => conversations.list())
  }

  /** @throws LoomError `not-found` */
  async remove(id: string): Promise<void> {
    if (await this.#with((conversations) => conversations.remove(id))) return
    throw new LoomError('not-found', `There is no session ${JSON.stringify(id)}.`)
  }

  async #with<RESULT>(work: (conversations: Conversations) => Promise<RESULT>): Promise<RESULT> {
    const grants = new Grants({ everything: false, names: [] })
    const cwd = this.#world.program.cwd()
    const request = { id: undefined, cwd, mcpServers: [], grants }
    const { conversations } = await this.#open(request)
    try {
      return await work(conversations)
    } finally {
      await conversations[Symbol.asyncDispose]()
    }
  }

  async #open({ id, cwd, mcpServers, grants }: OpenRequest & { grants: Grants }): Promise<{
    conversations: Conversations
    local: LocalChat | undefined
  }> {
    const { url, agent, ...flags } = this.#flags
    const { program } = this.#world
    if (url !== undefined) {
      const { remoteConversations } = await import('../remote-conversations.ts')
      const { LOOM_API_KEY: key = '' } = program.env
      const apiKey = key === '' ? undefined : key
      return { conversations: remoteConversations({ url, apiKey, agent }), local: undefined }
    }
    const { openLocalChat } = await import('../open-conversations.ts')
    const world = { ...this.#world, program: programIn(program, cwd) }
    const { session: _, ...own } = flags
    const local = await openLocalChat(world, {
      flags: {
        ...own,
        ...(agent !== undefined && { agent }),
        ...(id !== undefined && { session: id }),
        ...(mcpServers.length > 0 && { mcp: [...(own.mcp ?? []), mcpText(mcpServers)] }),
      },
      grants,
      isStored: true,
    })
    return { conversations: local.conversations, local }
  }
}

/** This process as one that was started in the folder of a project. */
function programIn(program: NodeJS.Process, cwd: string): NodeJS.Process {
  const env = { ...program.env, LOOM_WORKSPACE: cwd }
  const place = { env: { value: env }, cwd: { value: () => cwd } }
  const changed: NodeJS.Process = Object.create(program, place)
  return changed
}

/** The servers of an editor in the form of `--mcp`. */
function mcpText(servers: readonly McpServer[]): string {
  const entries = servers.map((server) => {
    if ('command' in server) {
      const { name, command, args, env } = server
      return [name, { command, args, env: pairs(env) }] as const
    }
    return [server.name, { url: server.url, headers: pairs(server.headers) }] as const
  })
  return JSON.stringify({ mcpServers: Object.fromEntries(entries) })
}

const pairs = (list: readonly { name: string; value: string }[]): Record<string, string> =>
  Object.fromEntries(list.map(({ name, value }) => [name, value]))
