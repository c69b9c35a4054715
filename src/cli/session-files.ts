/**
 * Conversations of the command on disk, one file for each. A file contains the messages and nothing
 * that a running turn needs. Only the owner may read it. A write replaces the file in one step, so
 * a reader never sees an incomplete file.
 */
import { randomUUID } from 'node:crypto'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { safeValidateUIMessages, type UIMessage } from 'ai'

import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import { fieldsOf, textField } from '../ground/fields.ts'
import { jsonValueOf } from '../ground/json.ts'
import { makeFolder } from '../ground/make-folder.ts'
import { shownPath } from '../ground/shown-path.ts'
import { userStateFolder } from '../ground/state-folder.ts'
import { titleOf } from '../store/title.ts'
import { modernMessage } from '../wire/conversation/version-4.ts'
import type { ConversationSummary } from './conversation.ts'
import { homeFolder } from './home-folder.ts'

export interface StoredSession {
  id: string
  agent: string
  createdAt: number
  messages: UIMessage[]
  /** The folder that the agent works in. Sessions of earlier versions have none. */
  directory?: string
}

/** The largest number of sessions in a list. Older sessions can still be opened by their id. */
const listMax = 200

/** The folder for the files of the command. Undefined if the user has no home folder. */
export function stateFolder(environment: Environment): string | undefined {
  return userStateFolder({ ...environment, HOME: homeFolder(environment) })
}

/** @throws LoomError `invalid-config` if the user has no home folder. */
function sessionsFolder(environment: Environment): string {
  const folder = stateFolder(environment)
  if (folder !== undefined) return join(folder, 'sessions')
  throw new LoomError(
    'invalid-config',
    'There is no home folder to keep sessions in: set HOME or XDG_STATE_HOME.',
  )
}

/** The age after which no process still writes a draft, in milliseconds. */
const draftMaxMs = 60 * 60_000

export class SessionFiles {
  readonly directory: string
  /** The folder as a text for the user, with `~` for the home folder. */
  readonly shownDirectory: string

  constructor(environment: Environment) {
    this.directory = sessionsFolder(environment)
    this.shownDirectory = shownPath(this.directory, environment)
  }

  /**
   * Returns undefined if there is no file.
   * @throws LoomError `invalid-request` for an id that cannot be a file name, or a file of another
   * program
   */
  async read(id: string): Promise<StoredSession | undefined> {
    const path = this.#path(id)
    try {
      // A pipe, for example, might have no end.
      if (!(await stat(path)).isFile()) throw noSession(path)
      // A copy of a file is a session with the name of the copy.
      return { ...(await sessionIn(await readFile(path, 'utf8'), path)), id }
    } catch (error) {
      if (isMissing(error)) return undefined
      throw userError(error, this.shownDirectory)
    }
  }

  /**
   * Writes a session. Messages that another process added meanwhile stay in the file.
   * @throws LoomError `unavailable` if the file cannot be written
   */
  async write(session: StoredSession): Promise<void> {
    const path = this.#path(session.id)
    try {
      const others = await this.read(session.id).catch(() => undefined)
      const messages = mergeMessages(others?.messages ?? [], session.messages)
      const { createdAt } = others ?? session
      await this.#replace(path, { ...session, createdAt, messages })
    } catch (error) {
      throw userError(error, this.shownDirectory)
    }
  }

  async #replace(path: string, session: StoredSession): Promise<void> {
    await makeFolder(this.directory)
    const draft = `${path}.${randomUUID()}`
    try {
      const file = await open(draft, 'wx', 0o600)
      try {
        await file.writeFile(`${JSON.stringify(session)}\n`)
        // Without this, the file could be empty after a crash of the machine.
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
      throw userError(error, this.shownDirectory)
    }
  }

  /** Lists the sessions, newest first. A file that cannot be read does not hide the others. */
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

  /** Returns the id of the newest session. */
  async last(): Promise<string | undefined> {
    const [newest] = await this.#newest()
    return newest?.id
  }

  async #newest(): Promise<{ id: string; updatedAt: number }[]> {
    const names = await readdir(this.directory).catch((error: unknown) => {
      if (isMissing(error)) return []
      throw userError(error, this.shownDirectory)
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

  /** Removes the drafts of processes that were killed during a write. */
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
      'The id of a session on disk may contain only letters, digits, ".", "_" and "-", at most 100.',
    )
  }
}

const isFileName = (id: string) => /^[a-zA-Z0-9_-][a-zA-Z0-9._-]{0,99}$/.test(id)

const isMissing = (error: unknown) =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')

/** Merges the messages of the file and of this process. For a message in both, this process wins. */
function mergeMessages(theirs: readonly UIMessage[], ours: readonly UIMessage[]): UIMessage[] {
  const own = new Map(ours.map((message) => [message.id, message]))
  const known = new Set(theirs.map(({ id }) => id))
  return [
    ...theirs.map((message) => own.get(message.id) ?? message),
    ...ours.filter(({ id }) => !known.has(id)),
  ]
}

/** Converts an error of the file system to an error that the user can correct. */
function userError(error: unknown, directory: string): unknown {
  if (!(error instanceof Error && 'code' in error && 'syscall' in error)) return error
  const message = `Sessions cannot be kept in ${directory}: ${error.message}`
  return new LoomError('unavailable', message, { cause: error })
}

const noSession = (path: string) =>
  new LoomError('invalid-request', `${path} holds no session of Loom.`)

async function sessionIn(text: string, path: string): Promise<StoredSession> {
  const fields = fieldsOf(jsonValueOf(text))
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

function summaryOf(session: StoredSession, updatedAt: number): ConversationSummary {
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
