/** The history of a session and its branches, as `read-tree.lua` returns them. A fork is made from them. */
import type { UIMessage } from 'ai'

import type { Branch } from '../session.ts'
import type { Connection } from './connection.ts'
import { escaped, unescaped } from './keys.ts'
import type { MessageForm } from './message-form.ts'
import { referenceIn, segmentNames, withShared } from './shared-messages.ts'
import type { Reply, Signatures } from './signature.ts'
import { messagesIn } from './stored-letter.ts'

export interface SessionTree {
  branches: Branch[]
  /** Without the unfinished answer. */
  history: UIMessage[]
  /**
   * Returns the messages in their stored form, as ids and messages in turn. A message of a segment has the number of the
   * segment in `names`.
   */
  seedOf(messages: readonly UIMessage[]): Promise<{ seed: (string | Buffer)[]; names: string[] }>
}

export async function readTree(
  connection: Connection,
  form: MessageForm,
  { lines, branches, unfinished, shared }: Reply<Signatures['read-tree']>,
): Promise<SessionTree> {
  /** The messages of segments, with the name of their segment. */
  const names = new Map<UIMessage, string>()
  const segments = segmentNames(shared)
  let at = 0
  const messagesOf = async (ids: readonly string[]) => {
    at += 1 + ids.length
    const texts = lines.slice(at - ids.length, at)
    const messages = await messagesIn(await withShared(connection, texts, shared))
    for (const [index, message] of messages.entries()) {
      const found = referenceIn(texts[index] ?? '')
      if (found !== undefined) names.set(message, segments[found.number - 1] ?? '')
    }
    return messages
  }
  const cut: Branch[] = []
  for (let index = 0; index < Number(branches); index++) {
    const [number, position, cutAtMs, ...ids] = (lines[at] ?? '').split('\n')
    cut.push({
      number: Number(number),
      at: unescaped(ids[0] ?? ''),
      position: Number(position),
      cutAtMs: Number(cutAtMs),
      messages: await messagesOf(ids),
    })
  }
  const ids = (lines[at] ?? '').split('\n').filter(Boolean)
  const history = await messagesOf(ids)
  return {
    branches: cut,
    history: history.filter((_, index) => ids[index] !== unfinished),
    async seedOf(messages) {
      const used = new Set(messages.flatMap((message) => names.get(message) ?? []))
      const order = [...used]
      const seed: (string | Buffer)[] = []
      for (const message of messages) {
        const number = order.indexOf(names.get(message) ?? '') + 1
        seed.push(escaped(message.id), number > 0 ? `@${number}` : await form.json(message))
      }
      return { seed, names: order }
    },
  }
}
