/** `loom sessions`: lists and removes the stored sessions. */
import { LoomError } from '../ground/error.ts'
import { withResource } from '../ground/resource.ts'
import type { CommandWorld } from './app.ts'
import type { Conversations } from './conversation.ts'
import { sessionTable } from './session-table.ts'

export interface SessionsFlags {
  url?: string
  json?: boolean
}

export async function listSessions(world: CommandWorld, flags: SessionsFlags): Promise<string> {
  const { conversations, here } = await openAll(world, flags)
  const sessions = await withResource(conversations, () => conversations.list())
  if (flags.json === true) return `${JSON.stringify({ sessions })}\n`
  const { stdout } = world.program
  return sessionTable(sessions, {
    width: stdout.isTTY ? stdout.columns : undefined,
    isNumbered: false,
    here,
  })
}

/** @throws LoomError `not-found` */
export async function removeSession(
  world: CommandWorld,
  { id, ...flags }: SessionsFlags & { id: string },
): Promise<void> {
  const { conversations } = await openAll(world, flags)
  if (await withResource(conversations, () => conversations.remove(id))) return
  throw new LoomError('not-found', `There is no session ${JSON.stringify(id)}.`)
}

interface StoredConversations {
  conversations: Conversations
  /** The current folder, in the form that sessions store it. */
  here: string
}

async function openAll(world: CommandWorld, { url }: SessionsFlags): Promise<StoredConversations> {
  const { env } = world.program
  if (url !== undefined) {
    const { remoteConversations } = await import('./remote-conversations.ts')
    const { LOOM_API_KEY: key = '' } = env
    const apiKey = key === '' ? undefined : key
    return { conversations: remoteConversations({ url, apiKey, agent: undefined }), here: '' }
  }
  const { openLocalChat } = await import('./open-conversations.ts')
  const { Grants } = await import('./approval.ts')
  const grants = new Grants({ everything: false, names: [] })
  const local = await openLocalChat(world, { flags: {}, grants, isStored: true })
  return { conversations: local.conversations, here: local.directory }
}
