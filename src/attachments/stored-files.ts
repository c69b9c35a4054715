/**
 * A store whose messages have references in the place of large files. The files are in `SessionFiles`. A reader gets the
 * address of the route of a file, and a turn gets the file itself. The other parts of Loom do not see a difference.
 */
import type { UIMessage } from 'ai'

import { namesOf } from '../session/tenant-ids.ts'
import type { Store } from '../store.ts'
import type { Letter } from '../store/letter.ts'
import type { FileReader, StoredFile } from '../store/stored-file.ts'
import { forEachOf } from './object-store.ts'
import type { SessionFiles } from './session-files.ts'

/** A shorter `data:` URL stays in the message, in characters. */
const inlineMax = 8192

const scheme = 'loom-file:'
const reference = /^loom-file:([0-9a-f]{64})$/
const address = /^\/api\/(?:agents\/[^/]+\/)?chat\/([^/]+)\/files\/([0-9a-f]{64})$/

type Part = UIMessage['parts'][number]

export function withStoredFiles(store: Store, files: SessionFiles): Store & FileReader {
  const taken = async (sessionId: string, message: UIMessage): Promise<UIMessage> =>
    withParts(message, (part) => takenPart(files, sessionId, part))
  const whole = async (sessionId: string, message: UIMessage): Promise<UIMessage> =>
    withParts(message, (part) => wholePart(files, sessionId, part))
  const seen = (sessionId: string, messages: readonly UIMessage[]): UIMessage[] =>
    messages.map((message) => seenMessage(sessionId, message))
  const takenLetter = async (sessionId: string, letter: Letter): Promise<Letter> =>
    letter.message === undefined
      ? letter
      : { ...letter, message: await taken(sessionId, letter.message) }
  const seenLetter = (sessionId: string, letter: Letter): Letter =>
    letter.message === undefined
      ? letter
      : { ...letter, message: seenMessage(sessionId, letter.message) }

  /** Notes the size of the files of a session that got some. If this fails, the next file corrects it. */
  const noteSize = async (sessionId: string, messages: readonly (UIMessage | undefined)[]) => {
    if (!messages.some((message) => message?.parts.some(isReference))) return
    try {
      await store.noteFileBytes(sessionId, await files.size(sessionId))
    } catch {
      // What was stored before must not fail.
    }
  }

  return {
    ...store,

    // What a client or a turn adds

    async post(sessionId, letter, { seed, ...options }) {
      const first = seed && (await Promise.all(seed.map((each) => taken(sessionId, each))))
      const more = first === undefined ? options : { ...options, seed: first }
      const posted = await takenLetter(sessionId, letter)
      const reply = await store.post(sessionId, posted, more)
      if (reply.status === 'claimed' || reply.status === 'queued') {
        await noteSize(sessionId, [posted.message, ...(first ?? [])])
      }
      return reply
    },
    async addSchedule(sessionId, schedule, options) {
      const letter = await takenLetter(sessionId, schedule.letter)
      const status = await store.addSchedule(sessionId, { ...schedule, letter }, options)
      if (status === 'added') await noteSize(sessionId, [letter.message])
      return status
    },
    async finish(at, commit) {
      const { message } = commit
      if (message === undefined) return store.finish(at, commit)
      const stored = await taken(at.sessionId, message)
      const reply = await store.finish(at, { ...commit, message: stored })
      await noteSize(at.sessionId, [stored])
      return reply
    },
    async settleAbandoned(at, commit) {
      return store.settleAbandoned(at, {
        ...commit,
        message: await taken(at.sessionId, commit.message),
      })
    },

    // What a turn reads

    async context(sessionId) {
      const { messages, ...context } = await store.context(sessionId)
      const read: UIMessage[] = []
      // One after the other, so that few files are in memory twice.
      for (const message of messages) read.push(await whole(sessionId, message))
      return { ...context, messages: read }
    },
    async takeSteered(at) {
      const letters = await store.takeSteered(at)
      if (letters === 'lost') return letters
      const read: Letter[] = []
      for (const letter of letters) {
        const { message } = letter
        read.push(
          message === undefined
            ? letter
            : { ...letter, message: await whole(at.sessionId, message) },
        )
      }
      return read
    },

    // What a client reads

    async messages(sessionId) {
      return seen(sessionId, await store.messages(sessionId))
    },
    async messagePage(sessionId, part) {
      const page = await store.messagePage(sessionId, part)
      return page && { ...page, messages: seen(sessionId, page.messages) }
    },
    async branches(sessionId) {
      const branches = await store.branches(sessionId)
      return branches.map((branch) => ({ ...branch, messages: seen(sessionId, branch.messages) }))
    },
    async mailbox(sessionId) {
      return (await store.mailbox(sessionId)).map((letter) => seenLetter(sessionId, letter))
    },
    async schedules(sessionId) {
      return (await store.schedules(sessionId)).map((schedule) => ({
        ...schedule,
        letter: seenLetter(sessionId, schedule.letter),
      }))
    },
    file: (sessionId, hash) => files.get(sessionId, hash),
    fileHashes: (sessionId) => files.hashes(sessionId),

    // The life of a session

    async fork(sessionId, options) {
      if (!(await store.fork(sessionId, options))) return false
      const { newId, tenant } = options
      try {
        const messages = await store.messages(newId)
        await files.copy(sessionId, newId, hashesIn(messages))
        await noteSize(newId, messages)
      } catch (error) {
        await store.remove(newId, { tenant })
        throw error
      }
      return true
    },
    async remove(sessionId, options) {
      if (!(await store.remove(sessionId, options))) return false
      await files.remove(sessionId)
      return true
    },
    async erase(sessionIds, owner) {
      const erased = await store.erase(sessionIds, owner)
      let removed = 0
      await forEachOf(sessionIds, async (id) => {
        removed += await files.remove(id)
      })
      if (owner.subject === undefined) removed += await files.removeTenant(owner.tenant)
      return { ...erased, removed: erased.removed + removed }
    },

    ...(store.within !== undefined && {
      within: (ms: number) => withStoredFiles(store.within?.(ms) ?? store, files),
    }),
  }
}

/** Returns the message itself if no part changes. */
async function withParts(
  message: UIMessage,
  change: (part: Part & { type: 'file' }) => Promise<Part>,
): Promise<UIMessage> {
  if (!message.parts.some(({ type }) => type === 'file')) return message
  const parts: Part[] = [...message.parts]
  await forEachOf(message.parts, async (part, index) => {
    if (part.type === 'file') parts[index] = await change(part)
  })
  return { ...message, parts }
}

type FilePart = Part & { type: 'file' }

/** Stores a large file, and names a file that the client took from the history. */
async function takenPart(files: SessionFiles, sessionId: string, part: FilePart): Promise<Part> {
  const [, id = '', known] = address.exec(part.url) ?? []
  if (known !== undefined && decoded(id) === namesOf(sessionId).id)
    return { ...part, url: `${scheme}${known}` }
  const file = part.url.length > inlineMax ? fileIn(part) : undefined
  if (file === undefined) return part
  return { ...part, url: `${scheme}${await files.put(sessionId, file)}` }
}

function fileIn({ url, mediaType, filename }: FilePart): StoredFile | undefined {
  if (!/^data:/i.test(url)) return undefined
  const comma = url.indexOf(',')
  const head = url.slice(0, comma)
  // Text that is not base64 is at most 2 MiB, and its escapes have many forms.
  if (comma === -1 || !/;\s*base64\s*$/i.test(head)) return undefined
  const bytes = Buffer.from(url.slice(comma + 1), 'base64')
  return { mediaType, ...(filename !== undefined && { filename }), head, bytes }
}

async function wholePart(files: SessionFiles, sessionId: string, part: FilePart): Promise<Part> {
  const [, hash] = reference.exec(part.url) ?? []
  if (hash === undefined) return part
  const file = await files.get(sessionId, hash)
  if (file !== undefined) return { ...part, url: `${file.head},${file.bytes.toString('base64')}` }
  // The model must not take the rest of the message for all of it.
  const name = part.filename === undefined ? 'A file' : `The file ${JSON.stringify(part.filename)}`
  return { type: 'text', text: `[${name} is not stored any more.]` }
}

function seenMessage(sessionId: string, message: UIMessage): UIMessage {
  if (!message.parts.some(isReference)) return message
  const { id } = namesOf(sessionId)
  const parts = message.parts.map((part) => {
    const [, hash] = (isReference(part) ? reference.exec(part.url) : null) ?? []
    if (hash === undefined) return part
    return { ...part, url: `/api/chat/${encodeURIComponent(id)}/files/${hash}` }
  })
  return { ...message, parts }
}

const isReference = (part: Part): part is FilePart =>
  part.type === 'file' && part.url.startsWith(scheme)

const hashesIn = (messages: readonly UIMessage[]): string[] => [
  ...new Set(
    messages.flatMap(({ parts }) =>
      parts.flatMap((part) =>
        isReference(part) ? (reference.exec(part.url)?.slice(1) ?? []) : [],
      ),
    ),
  ),
]

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
