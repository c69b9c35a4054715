/** A scripted editor: the client side of the official library, and `loom acp` as a process. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'

import {
  client,
  type ClientCapabilities,
  type ClientConnection,
  type CreateElicitationRequest,
  type CreateElicitationResponse,
  type InitializeResponse,
  ndJsonStream,
  PROTOCOL_VERSION,
  type RequestPermissionRequest,
  type SessionUpdate,
} from '@agentclientprotocol/sdk'

import { start, type Run } from '../cli/command.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'

export interface EditorOptions {
  words?: readonly string[]
  environment: Record<string, string>
  /** The folder of the project. */
  cwd: string
  /** The state of the command, which outlives its processes. */
  home: string
  capabilities?: ClientCapabilities
  /** Returns the id of an option, or undefined to cancel. @defaultValue the first option */
  decide?: (request: RequestPermissionRequest) => string | undefined | Promise<string | undefined>
  fill?: (request: CreateElicitationRequest) => CreateElicitationResponse
}

export interface Editor {
  run: Run
  connection: ClientConnection
  initialized: InitializeResponse
  updates: { sessionId: string; update: SessionUpdate }[]
  permissions: RequestPermissionRequest[]
  forms: CreateElicitationRequest[]
  /** Begins a session in the folder. @returns its id */
  begin: () => Promise<string>
  /** Sends a text. @returns the stop reason */
  say: (sessionId: string, text: string) => Promise<string>
  /** The text of the agent in a session. */
  textOf: (sessionId: string) => string
  untilText: (sessionId: string, text: string) => Promise<void>
  /** Ends the input of the process. @returns the exit code */
  quit: () => Promise<number | undefined>
}

export async function openEditor(options: EditorOptions): Promise<Editor> {
  const { words = [], environment, cwd, home, capabilities = {}, decide, fill } = options
  await mkdir(home, { recursive: true })
  const run = start(['acp', ...words], {
    input: undefined,
    directory: cwd,
    environment: { HOME: home, LOOM_MODELS_URL: 'none', ...environment },
  })
  const { stdin, stdout } = run.child
  if (stdin === null || stdout === null) throw new Error('no pipes')
  const updates: Editor['updates'] = []
  const permissions: RequestPermissionRequest[] = []
  const forms: CreateElicitationRequest[] = []
  // The output is read twice: here, and as text by the run.
  const copy = Readable.toWeb(Readable.from(linesOf(run), { objectMode: false }))
  const connection = client({ name: 'test editor' })
    .onNotification('session/update', ({ params }) => void updates.push(params))
    .onRequest('session/request_permission', async ({ params }) => {
      permissions.push(params)
      const optionId = decide === undefined ? params.options[0]?.optionId : await decide(params)
      return {
        outcome:
          optionId === undefined ? { outcome: 'cancelled' } : { outcome: 'selected', optionId },
      }
    })
    .onRequest('elicitation/create', ({ params }) => {
      forms.push(params)
      return fill?.(params) ?? { action: 'decline' }
    })
    .connect(ndJsonStream(Writable.toWeb(stdin), copy))
  const { agent } = connection
  const initialized = await within(
    20_000,
    'the agent answers',
    agent.request('initialize', {
      protocolVersion: PROTOCOL_VERSION,
      clientCapabilities: capabilities,
    }),
  )
  const textOf = (sessionId: string) =>
    updates
      .filter((each) => each.sessionId === sessionId)
      .map(({ update }) =>
        update.sessionUpdate === 'agent_message_chunk' && update.content.type === 'text'
          ? update.content.text
          : '',
      )
      .join('')
  return {
    run,
    connection,
    initialized,
    updates,
    permissions,
    forms,
    textOf,
    async begin() {
      const { sessionId } = await agent.request('session/new', { cwd, mcpServers: [] })
      return sessionId
    },
    async say(sessionId, text) {
      const answer = agent.request('session/prompt', {
        sessionId,
        prompt: [{ type: 'text', text }],
      })
      return (await within(30_000, `the answer to ${text}`, answer)).stopReason
    },
    untilText: (sessionId, text) =>
      until(20_000, `the text ${text}`, () => textOf(sessionId).includes(text)),
    async quit() {
      stdin.end()
      return (await run.ended).code
    },
  }
}

/** Yields the bytes that the process writes to stdout. */
async function* linesOf({ child }: Run): AsyncGenerator<Buffer, void> {
  for await (const chunk of child.stdout ?? []) yield Buffer.from(chunk)
}

export const homeIn = (folder: string): string => join(folder, 'home')
