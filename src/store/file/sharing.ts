/**
 * A fork shares the large messages of its history with its origin. Before the fork, they get a segment, and both sessions
 * become its users. Then the file of the fork is written, and after it the file of the origin is written anew, with
 * references in the place of the messages.
 */
import type { UIMessage } from 'ai'

import { weightOf } from '../../ground/json/weight.ts'
import { noteUse, type Segments } from './segments.ts'

/** A smaller message is copied: a reference to it would not be much shorter. As `weightOf` counts. */
const messageMin = 512

/** A segment costs a folder and a sync, so a few messages are copied. As `weightOf` counts. */
const segmentMin = 65_536

/** The segments of one session. After that, its forks copy the messages that no segment has. */
const segmentsMax = 100

/**
 * @param messages those that the fork will have
 * @returns whether there is a new segment, so that the origin has its messages twice
 * @throws LoomError `unavailable`
 */
export async function shareMessages(
  segments: Segments,
  { id, newId, messages }: { id: string; newId: string; messages: readonly UIMessage[] },
): Promise<boolean> {
  const uses = new Map<string, Set<number>>()
  const rest: UIMessage[] = []
  let weight = 0
  for (const message of messages) {
    const place = segments.placeOf(id, message)
    if (place !== undefined) noteUse(uses, place.segment, place.number)
    else if (weightOf(message, messageMin) >= messageMin) {
      rest.push(message)
      weight += weightOf(message, segmentMin)
    }
  }
  await segments.use(newId, uses)
  if (weight < segmentMin || uses.size >= segmentsMax) return false
  await segments.create(rest, [id, newId])
  return true
}
