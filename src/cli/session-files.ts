/**
 * Conversations of the command on disk: a file each, which holds the messages and nothing that a
 * running turn needs. Only their owner may read them. A file is replaced in one step, so a reader
 * never sees half of one.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'

import { safeValidateUIMessages, type UIMessage } from 'ai'

import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import { fieldsOf, textField } from '../ground/fields.ts'
import { makeFolder } from '../ground/make-folder.ts'
import { modernMessage } from '../wire/conversation/version-4.ts'
import type { ConversationSummary } from './conversation.ts'
import { homeFolder } from './home-folder.ts'

export interface KeptSession {
  id: string
  agent: string
  createdAt: number
  messages: UIMessage[]
  /** The folder that its agent works in. Sessions of earlier builds have none. */
  directory?: string
}

/** Newer ones are listed, older ones still found by their id. */
const listMax = 200

/**
 * Where the command keeps its own files, by the XDG base directory specification, which wants an
 * absolute path; undefined where the user has no home folder.
 */
export function stateFolder(environment: Environment): string | undefined {
  const { XDG_STATE_HOME: state = '' } = environment
  if (isAbsolute(state)) return join(state, 'loom')
  const home = homeFolder(environment)
  return home && join(home, '.local', 'state', 'loom')
}

/** @throws LoomError `invalid-config` where the user has no home folder. */
function sessionsFolder(environment: Environment): string {
  const folder = stateFolder(environment)
  if (folder !== undefined) return join(folder, 'sessions')
  throw new LoomError(
    'invalid-config',
    'There is no home folder to keep sessions in: set HOME or XDG_STATE_HOME.',
  )
}

/** How old a draft is that no process still writes, in milliseconds. */
const draftMaxMs = 60 * 60_000

export class SessionFiles {
  readonly directory: string
  /** For people. */
  readonly shownDirectory: string

  constructor(environment: Environment) {
    this.directory = sessionsFolder(environment)
    const { HOME: home = '' } = environment
    const isWithin = home !== '' && this.directory.startsWith(join(home, '/'))
    this.shownDirectory = isWithin ? `~${this.directory.slice(home.length)}` : this.directory
  }

  /** @throws LoomError `invalid-request` for a name that is no file's, or a file that is none of ours */
  async read(id: string): Promise<KeptSession | undefined> {
    const path = this.#path(id)
    try {
      // Anything else, a pipe say, might never be read to its end.
      if (!(await stat(path)).isFile()) throw noSession(path)
      // A copy under another name is a session of that name.
      return { ...(await sessionIn(await readFile(path, 'utf8'), path)), id }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw unusable(error, this.shownDirectory)
    }
  }

  /**
   * What another process has added meanwhile stays.
   * @throws LoomError `unavailable` where nothing can be written
   */
  async write(session: KeptSession): Promise<void> {
    const path = this.#path(session.id)
    try {
      const others = await this.read(session.id).catch(() => undefined)
      const messages = merged(others?.messages ?? [], session.messages)
      const { createdAt } = others ?? session
      await this.#replace(path, { ...session, createdAt, messages })
    } catch (error) {
      throw unusable(error, this.shownDirectory)
    }
  }

  async #replace(path: string, session: KeptSession): Promise<void> {
    await makeFolder(this.directory)
    const draft = `${path}.${randomUUID()}`
    try {
      const file = await open(draft, 'wx', 0o600)
      try {
        await file.writeFile(`${JSON.stringify(session)}\n`)
        // The name must not come to stand for an empty file when the machine stops.
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(draft, path)
    } catch (error) {
      await rm(draft, { force: true })
      throw error
    }
  }

  async remove(id: string): Promise<boolean> {
    try {
      await rm(this.#path(id))
      return true
    } catch (error) {
      if (isMissing(error)) return false
      throw unusable(error, this.shownDirectory)
    }
  }

  /** The last used first. A file that cannot be read is left out: it must not hide the others. */
  async list(): Promise<ConversationSummary[]> {
    const dated = await this.#newest()
    const found = await Promise.all(
      dated.map(async ({ id, updatedAt }) => {
        const session = await this.read(id).catch(() => undefined)
        return session === undefined ? [] : [summaryOf(session, updatedAt)]
      }),
    )
    return found.flat()
  }

  /** The id of the one that was used last. */
  async last(): Promise<string | undefined> {
    const [newest] = await this.#newest()
    return newest?.id
  }

  async #newest(): Promise<{ id: string; updatedAt: number }[]> {
    const names = await readdir(this.directory).catch((error: unknown) => {
      if (isMissing(error)) return []
      throw unusable(error, this.shownDirectory)
    })
    await this.#removeDrafts(names)
    const ids = names.filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5))
    const dated = await Promise.all(
      ids.filter(isFileName).map(async (id) => {
        const stats = await stat(this.#path(id)).catch(() => undefined)
        return stats?.isFile() === true ? [{ id, updatedAt: stats.mtimeMs }] : []
      }),
    )
    return dated
      .flat()
      .sort((a, b) => b.updatedAt - a.updatedAt)
      .slice(0, listMax)
  }

  /** A process that was killed in a write left its draft, which nobody else removes. */
  async #removeDrafts(names: readonly string[]): Promise<void> {
    const drafts = names.filter((name) => /\.json\.[\da-f-]{36}$/.test(name))
    for (const path of drafts.map((name) => join(this.directory, name))) {
      const stats = await stat(path).catch(() => undefined)
      if (stats === undefined || Date.now() - stats.mtimeMs < draftMaxMs) continue
      await rm(path, { force: true }).catch(() => undefined)
    }
  }

  #path(id: string): string {
    if (isFileName(id)) return join(this.directory, `${id}.json`)
    throw new LoomError(
      'invalid-request',
      'The id of a session on disk has letters, digits, ".", "_" and "-" only, 100 at most.',
    )
  }
}

const isFileName = (id: string) => /^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,99}$/.test(id)

const isMissing = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

/** Only what no other process holds is added; what both hold is as it was said last here. */
function merged(theirs: readonly UIMessage[], ours: readonly UIMessage[]): UIMessage[] {
  const own = new Map(ours.map((message) => [message.id, message]))
  const known = new Set(theirs.map(({ id }) => id))
  return [
    ...theirs.map((message) => own.get(message.id) ?? message),
    ...ours.filter(({ id }) => !known.has(id)),
  ]
}

/** What the file system says, as what the user can mend. */
function unusable(error: unknown, directory: string): unknown {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return error
  const message = `Sessions cannot be kept in ${directory}: ${error.message}`
  return new LoomError('unavailable', message, { cause: error })
}

const noSession = (path: string) =>
  new LoomError('invalid-request', `${path} holds no session of Loom.`)

async function sessionIn(text: string, path: string): Promise<KeptSession> {
  const fields = fieldsOf(parsed(text))
  const { id, agent, createdAt } = fields
  const directory = textField(fields, 'directory')
  const place = directory === undefined ? {} : { directory }
  const kept = fields['messages']
  const messages = await safeValidateUIMessages<UIMessage>({
    messages: Array.isArray(kept) ? kept.map(modernMessage) : kept,
  })
  if (typeof id === 'string' && typeof agent === 'string' && typeof createdAt === 'number') {
    if (messages.success) return { id, agent, createdAt, messages: messages.data, ...place }
    // The AI SDK refuses an empty list.
    if (Array.isArray(fields['messages']) && fields['messages'].length === 0)
      return { id, agent, createdAt, messages: [], ...place }
  }
  throw noSession(path)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Told with the name of the file.
    return undefined
  }
}

const titleMax = 200

function summaryOf(session: KeptSession, updatedAt: number): ConversationSummary {
  const { id, agent, messages, directory } = session
  const title = titleOf(messages)
  return {
    id,
    agent,
    updatedAt,
    ...(title !== undefined && { title }),
    ...(directory !== undefined && { directory }),
  }
}

/** The first words of the first message. */
export function titleOf(messages: readonly UIMessage[]): string | undefined {
  const first = messages.find(({ role }) => role === 'user')
  const text = first?.parts.flatMap((part) => (part.type === 'text' ? part.text : [])).join(' ')
  return text?.slice(0, titleMax)
}
