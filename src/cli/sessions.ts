/** `loom sessions`: what can be gone on with. */
import { LoomError } from '../error.ts'
import type { CommandWorld } from './app.ts'
import type { Conversations } from './conversation.ts'
import { sessionTable } from './session-table.ts'

export interface SessionsFlags {
  url?: string
  json?: boolean
}

export async function listSessions(world: CommandWorld, flags: SessionsFlags): Promise<string> {
  await using conversations = await openAll(world, flags)
  const sessions = await conversations.list()
  if (flags.json === true) return `${JSON.stringify({ sessions })}\n`
  const { stdout } = world.program
  return sessionTable(sessions, {
    width: stdout.isTTY ? stdout.columns : undefined,
    isNumbered: false,
  })
}

/** @throws LoomError `not-found` */
export async function removeSession(
  world: CommandWorld,
  { id, ...flags }: SessionsFlags & { id: string },
): Promise<void> {
  await using conversations = await openAll(world, flags)
  if (await conversations.remove(id)) return
  throw new LoomError('not-found', `There is no session ${JSON.stringify(id)}.`)
}

async function openAll(world: CommandWorld, { url }: SessionsFlags): Promise<Conversations> {
  const { env } = world.program
  if (url !== undefined) {
    const { remoteConversations } = await import('./remote-conversations.ts')
    const { LOOM_API_KEY: key = '' } = env
    return remoteConversations({ url, apiKey: key === '' ? undefined : key, agent: undefined })
  }
  const { openLocalChat } = await import('./open-conversations.ts')
  const { Grants } = await import('./approval.ts')
  const grants = new Grants({ everything: false, names: [] })
  const { conversations } = await openLocalChat(world, { flags: {}, grants, isKept: true })
  return conversations
}
