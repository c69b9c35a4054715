/** Output items by their ids, for a client that names an item instead of sending it again. */
import { isForClients } from '../../src/event.ts'
import { findSession, type SessionWorld } from '../session-world.ts'
import { foldOf } from './response-delivery.ts'
import type { FindItem } from './response-input.ts'
import { readKey, type ResponseKey } from './response-key.ts'
import { storedAnswer } from './stored-answer.ts'

/** The most responses whose items one request may name. */
const responsesMax = 200

/** Returns a function that finds items in the sessions of the principal. It reads each response once. */
export function itemFinder(world: SessionWorld): FindItem {
  const responses = new Map<string, ReturnType<typeof itemsOf>>()
  return async (id) => {
    const [, text] = /^[a-z]+_(.+)_\d+$/.exec(id) ?? []
    const key = text === undefined ? undefined : readKey(text)
    if (text === undefined || key === undefined) return undefined
    if (responses.size >= responsesMax && !responses.has(text)) return undefined
    const items = responses.get(text) ?? itemsOf(world, key)
    responses.set(text, items)
    return (await items).find((item) => item.id === id)
  }
}

async function itemsOf(world: SessionWorld, key: ResponseKey) {
  const session = await findSession(world, key.session, 'reader')
  const answer = session && (await storedAnswer(world.loom.sessions, session, key.logId))
  const fold = foldOf({ key, identity: { id: '', model: '', created_at: 0, background: false } })
  for (const event of answer?.events ?? []) if (isForClients(event)) fold.add(event)
  return fold.items
}
