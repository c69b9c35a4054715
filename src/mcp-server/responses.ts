/** The answers that a human gave in the forms of a client. */
import { LoomError } from '../ground/error.ts'
import { openCall } from '../session/awaited-calls.ts'
import { pendingParts } from '../session/pending-parts.ts'
import { noSession } from '../session/receipt.ts'
import type { SessionRecord } from '../store/session.ts'
import { type CallPlace, placeIn } from './call-place.ts'
import type { McpHost } from './host.ts'
import { postAnswers } from './posted-answers.ts'
import { elicitedAnswer, keyOf } from './questions.ts'

/**
 * Posts the answers that a client collected for a place, and returns the place.
 * @param state as the client returned it, not checked
 * @param responses the answers by the ids of their questions, not checked
 * @throws LoomError `invalid-request`, `not-found`; also as `acceptAnswers`
 */
export async function acceptResponses(
  host: McpHost,
  state: string,
  responses: Readonly<Record<string, unknown>>,
): Promise<CallPlace> {
  const place = placeIn(state)
  if (place === undefined) {
    throw new LoomError('invalid-request', 'The state of the request is not one of this server.')
  }
  const session = await host.findSession(place.session, 'writer')
  if (session === undefined) throw noSession()
  await postResponses(host, { session, logId: place.logId, responses })
  return place
}

/** Posts answers of a human. An answer that nothing waits for any more has no effect. */
export async function postResponses(
  host: McpHost,
  {
    session,
    logId,
    responses,
  }: { session: SessionRecord; logId: string; responses: Readonly<Record<string, unknown>> },
): Promise<void> {
  const { sessions } = host.loom
  if (session.state !== 'waiting' || session.turn?.logId !== logId) return
  const open = pendingParts(await sessions.partialAnswer(session.id, logId)).map(openCall)
  const answers = open.flatMap((call) => {
    const id = keyOf(call)
    return Object.hasOwn(responses, id) ? (elicitedAnswer(call, responses[id]) ?? []) : []
  })
  if (answers.length === 0) return
  try {
    await postAnswers(host, session, answers)
  } catch (error) {
    // Another client answered first, and all clients read the same answer.
    if (!(error instanceof LoomError) || error.code !== 'refused') throw error
  }
}
