/** The body of a request, written in steps, so that other requests can run between them. */
import { pieceWeight } from '../../ground/json/pieces.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import type { Originals } from './originals.ts'

/**
 * A `Blob` has a length, so that `fetch` sends `Content-Length` like for a string: some servers accept
 * no chunked request. It can also be sent again after a redirect, and `fetch` reads it in pieces.
 * @throws the signal's reason after an abort
 */
export async function restoredBody(
  json: string,
  originals: Originals,
  signal: AbortSignal | null | undefined,
): Promise<Blob> {
  const steps = new WorkSteps()
  const blobs: Blob[] = []
  let pieces: string[] = []
  let size = 0
  for (const piece of originals.restored(json)) {
    pieces.push(piece)
    size += piece.length
    if (size < pieceWeight) continue
    blobs.push(new Blob(pieces))
    await steps.next(size)
    signal?.throwIfAborted()
    pieces = []
    size = 0
  }
  // A blob of blobs copies no bytes.
  return new Blob([...blobs, ...pieces])
}
