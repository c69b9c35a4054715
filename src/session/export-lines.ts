/**
 * The lines of an export: one session as JSON on each, with the files that are kept apart from its messages. A file is in memory
 * only while its part of the line is written.
 */
import { LoomError } from '../ground/error.ts'
import { jsonPieces } from '../ground/json/pieces.ts'
import type { Sessions } from '../sessions.ts'
import { taskKey } from '../store/task.ts'
import { exportedSession } from './session-export.ts'
import { namesOf, publicId } from './tenant-ids.ts'

/** The bytes of one piece of a file. A multiple of 3, so that the base64 of the pieces is that of the file. */
const sliceBytes = 3 * 64 * 1024

/** @param ids the ids of the sessions in the store */
export async function* exportLines(
  sessions: Sessions,
  ids: readonly string[],
): AsyncGenerator<string, undefined> {
  for (const id of ids) {
    const session = await readableSession(sessions, id)
    if (session === undefined) continue
    if (session === 'unreadable') {
      const { tenant, id: name } = namesOf(id)
      const error = 'The data of this session is not in its form in the store.'
      yield `${JSON.stringify({ tenant, session: { id: name }, error })}\n`
      continue
    }
    const { tenant, tasks } = session
    const stored = [id, ...tasks.map((task) => `${id}~${taskKey(task.id) ?? ''}`)]
    // The last piece ends with the brace of the object, which the files belong to.
    let piece = ''
    for (const next of jsonPieces(session)) {
      if (piece !== '') yield piece
      piece = next
    }
    yield piece.slice(0, -1)
    yield* filesOf(sessions, stored, tenant)
    yield '}\n'
  }
  return undefined
}

/** One session whose data another program replaced must not end the export of the others. */
async function readableSession(sessions: Sessions, id: string) {
  try {
    return await exportedSession(sessions, id)
  } catch (error) {
    if (error instanceof LoomError && error.code === 'internal') return 'unreadable'
    throw error
  }
}

/** Writes the field `files`, unless the files are in the messages. */
async function* filesOf(
  sessions: Sessions,
  ids: readonly string[],
  tenant: string,
): AsyncGenerator<string, undefined> {
  let separator = ',"files":['
  for (const id of ids) {
    const hashes = await sessions.fileHashes(id)
    if (hashes === undefined) return undefined
    const address = `/api/chat/${encodeURIComponent(publicId(tenant, id))}/files/`
    for (const hash of hashes) {
      const file = await sessions.file(id, hash)
      if (file === undefined) continue
      const { mediaType, filename, bytes } = file
      const head = {
        url: `${address}${hash}`,
        mediaType,
        ...(filename !== undefined && { filename }),
      }
      yield `${separator}${JSON.stringify(head).slice(0, -1)},"data":"`
      for (let at = 0; at < bytes.length; at += sliceBytes) {
        yield bytes.toString('base64', at, at + sliceBytes)
      }
      yield '"}'
      separator = ','
    }
  }
  yield separator === ',' ? ']' : `${separator}]`
  return undefined
}
