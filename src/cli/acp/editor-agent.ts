/**
 * The agent side of the Agent Client Protocol, version 1: the requests of an editor. The library checks their form
 * and writes the JSON-RPC.
 */
import { isAbsolute } from 'node:path'

import {
  agent,
  type AgentApp,
  type AgentContext,
  type ClientCapabilities,
  PROTOCOL_VERSION,
  RequestError,
} from '@agentclientprotocol/sdk'

import { errorMessage, LoomError } from '../../ground/error.ts'
import { plain } from '../render/plain.ts'
import {
  type EditorConversations,
  type OpenedConversation,
  type OpenRequest,
} from './editor-conversations.ts'
import { modesOf, optionsOf, setMode, setOption } from './editor-options.ts'
import { EditorSession } from './editor-session.ts'
import { promptCapabilities } from './prompt-message.ts'

export interface EditorAgentOptions {
  conversations: EditorConversations
  version: string
  /** The conversation that the first new session of the editor opens. */
  firstSession: string | undefined
  report: (error: unknown) => void
}

interface Opened extends OpenedConversation {
  session: EditorSession
}

export class EditorAgent {
  readonly #options: EditorAgentOptions
  readonly #sessions = new Map<string, Opened>()
  #first: string | undefined
  #client: ClientCapabilities = {}

  constructor(options: EditorAgentOptions) {
    this.#options = options
    this.#first = options.firstSession
  }

  /** The app of the library, which reads and writes the messages of one editor. */
  app(): AgentApp {
    return agent({ name: 'loom' })
      .onRequest('initialize', ({ params }) => {
        this.#client = params.clientCapabilities ?? {}
        return {
          protocolVersion: PROTOCOL_VERSION,
          agentInfo: { name: 'loom', title: 'Loom', version: this.#options.version },
          agentCapabilities: {
            loadSession: true,
            promptCapabilities,
            mcpCapabilities: { http: true, sse: false },
            sessionCapabilities: { list: {}, resume: {}, delete: {}, close: {} },
          },
          authMethods: [],
        }
      })
      .onRequest('session/new', ({ params, client }) => answered(() => this.#begin(params, client)))
      .onRequest('session/load', ({ params, client }) =>
        answered(async () => {
          const opened = await this.#open({ ...params, id: params.sessionId }, client)
          await opened.session.replay()
          return this.#started(opened)
        }),
      )
      .onRequest('session/resume', ({ params, client }) =>
        answered(async () => {
          const { mcpServers = [] } = params
          const request = { ...params, mcpServers, id: params.sessionId }
          const opened = await this.#open(request, client)
          await opened.session.skipHistory()
          return this.#started(opened)
        }),
      )
      .onRequest('session/list', ({ params }) =>
        answered(() => this.#list(params.cwd ?? undefined)),
      )
      .onRequest('session/delete', ({ params }) =>
        answered(async () => {
          await this.#close(params.sessionId)
          await this.#options.conversations.remove(params.sessionId)
          return {}
        }),
      )
      .onRequest('session/close', ({ params }) =>
        answered(async () => {
          await this.#close(params.sessionId)
          return {}
        }),
      )
      .onRequest('session/set_mode', ({ params }) =>
        answered(async () => {
          setMode(this.#session(params.sessionId).grants, params.modeId)
          return {}
        }),
      )
      .onRequest('session/set_config_option', ({ params }) =>
        answered(async () => {
          const { local } = this.#session(params.sessionId)
          return { configOptions: await setOption(local, params) }
        }),
      )
      .onRequest('session/prompt', ({ params, signal }) =>
        answered(async () => {
          const { session } = this.#session(params.sessionId)
          return { stopReason: await session.prompt(params.prompt, signal) }
        }),
      )
      .onNotification('session/cancel', ({ params }) => {
        this.#sessions.get(params.sessionId)?.session.cancel()
      })
  }

  /** Ends all sessions. */
  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((id) => this.#close(id)))
  }

  async #begin({ cwd, mcpServers }: Omit<OpenRequest, 'id'>, client: AgentContext) {
    const id = this.#first
    this.#first = undefined
    const opened = await this.#open({ id, cwd, mcpServers }, client, true)
    if (opened.isKnown) await opened.session.replay()
    return { sessionId: opened.conversation.id, ...(await this.#started(opened)) }
  }

  async #open(request: OpenRequest, client: AgentContext, mayBegin = false): Promise<Opened> {
    const { id, cwd } = request
    if (!isAbsolute(cwd)) {
      throw new LoomError('invalid-request', 'cwd must be an absolute path.')
    }
    if (id !== undefined) await this.#close(id)
    const opened = await this.#options.conversations.open(request)
    if (id !== undefined && !opened.isKnown && !mayBegin) {
      await opened[Symbol.asyncDispose]()
      throw new LoomError('not-found', `There is no session ${JSON.stringify(id)}.`)
    }
    const { conversation, grants, isShared, local } = opened
    const session = new EditorSession({
      conversation,
      client,
      grants,
      isShared,
      directory: local?.directory,
      hasForms: () => this.#client.elicitation?.form !== undefined,
      report: this.#options.report,
    })
    const kept = { ...opened, session }
    this.#sessions.set(conversation.id, kept)
    return kept
  }

  async #started({ session, grants, local }: Opened) {
    const configOptions = await optionsOf(local)
    session.follow()
    return {
      modes: modesOf(grants),
      ...(configOptions.length > 0 && { configOptions }),
    }
  }

  async #list(cwd: string | undefined) {
    const here = cwd ?? process.cwd()
    const summaries = await this.#options.conversations.list()
    return {
      sessions: summaries
        .filter(({ directory = here }) => cwd === undefined || directory === cwd)
        .map(({ id, updatedAt, title, directory = here }) => ({
          sessionId: id,
          cwd: directory,
          updatedAt: new Date(updatedAt).toISOString(),
          ...(title !== undefined && { title }),
        })),
    }
  }

  #session(id: string): Opened {
    const opened = this.#sessions.get(id)
    if (opened !== undefined) return opened
    throw new LoomError('not-found', `The session ${JSON.stringify(id)} is not open: load it.`)
  }

  async #close(id: string): Promise<void> {
    const opened = this.#sessions.get(id)
    if (opened === undefined) return
    this.#sessions.delete(id)
    await opened.session.close()
    await opened[Symbol.asyncDispose]()
  }
}

/** The codes of JSON-RPC and of the protocol for the errors that an editor distinguishes. */
const codes: Readonly<Partial<Record<LoomError['code'], number>>> = {
  'invalid-request': -32602,
  unauthorized: -32000,
  'missing-key': -32000,
  'not-found': -32002,
}

/** @throws RequestError with the text of the error, which the editor shows */
async function answered<RESULT>(work: () => Promise<RESULT>): Promise<RESULT> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof RequestError) throw error
    const code = error instanceof LoomError ? error.code : undefined
    const number = (code && codes[code]) ?? -32603
    throw new RequestError(number, plain(errorMessage(error)), code && { code })
  }
}
