/** Reads claims and sessions in their stored form. Loom wrote all of it, so nothing is validated as a client's input is. */
import { LoomError } from '../../ground/error.ts'
import type { Letter } from '../letter.ts'
import type { Member } from '../member.ts'
import type { KnownState, SessionRecord } from '../session.ts'
import { type Claim, type ReaderFloor, readerFloors, type Stop, type Takeover } from '../turn.ts'
import { isLater } from './format.ts'
import { agentIn, unescaped } from './keys.ts'
import { recordFields, type Reply, type Signatures } from './signature.ts'
import { spendingIn, spendingOf } from './spent.ts'
import { letterOf } from './stored-letter.ts'

/** The fields of a claim in the replies of scripts. A script does not return a letter that the caller sent. */
export type ClaimFields = Record<'claim' | 'logId' | 'abandoned' | 'floor', string> & {
  resumed?: string
  takeovers?: string
  stop?: string
}

export function claimOf(sessionId: string, fields: ClaimFields, letter: Letter): Claim {
  const stop = stopOf(fields.stop)
  return {
    sessionId,
    claim: Number(fields.claim),
    lastId: `${fields.claim}-0`,
    letter,
    logId: unescaped(fields.logId),
    resumed: fields.resumed === '1',
    takeovers: takeoversIn(fields.takeovers ?? ''),
    ...(fields.abandoned !== '' && { abandoned: unescaped(fields.abandoned) }),
    ...(fields.floor !== '' && { floor: floorOf(fields.floor) }),
    ...(stop !== undefined && { stop }),
  }
}

const takeoversIn = (lines: string): Takeover[] => lines.split('\n').filter(Boolean).map(takeoverOf)

function takeoverOf(line: string): Takeover {
  const [at, from = ''] = line.split(' ')
  return { at: Number(at), from }
}

/** The claim in the reply of a script that returns the letter too. */
export function claimWithLetter(
  sessionId: string,
  fields: ClaimFields & { letter: string; message: string },
): Claim {
  return claimOf(sessionId, fields, letterOf(fields.letter, fields.message))
}

/** Returns the values of `recordFields` by name. */
export function recordIn(values: readonly string[]): Reply<Signatures['read-session']> {
  const entries = recordFields.map((name, index) => [name, values[index] ?? ''])
  // By construction: one entry for each name.
  const fields: Reply<Signatures['read-session']> = Object.fromEntries(entries)
  return fields
}

/** A session of a later format. Only these fields keep their meaning in every format. */
const laterSession = (id: string, fields: Reply<Signatures['read-session']>): SessionRecord => ({
  id,
  ...accessOf(fields),
  agent: fields.agent,
  state: 'unknown',
  createdAt: Number(fields.created),
  updatedAt: Number(fields.updated),
  queued: 0,
})

export function sessionOf(
  id: string,
  fields: Reply<Signatures['read-session']>,
): SessionRecord | undefined {
  if (fields.state === 'deleted' || (fields.state === '' && fields.tenant === '')) return undefined
  if (isLater(fields.v)) return laterSession(id, fields)
  const state = stateOf(fields.state) ?? 'unknown'
  const stop = stopOf(fields.stop)
  const spent = spendingOf(fields)
  const bytes = Number(fields.bytes) + Number(fields.fileBytes)
  return {
    id,
    ...accessOf(fields),
    agent: fields.agent,
    ...(fields.title !== '' && { title: Buffer.from(fields.title, 'base64').toString() }),
    state,
    createdAt: Number(fields.created),
    updatedAt: Number(fields.updated),
    queued: Number(fields.queued),
    ...(fields.held === '1' && fields.queued !== '0' && { held: true }),
    ...(bytes > 0 && { bytes }),
    ...(spent !== undefined && { spent }),
    ...(fields.unfinishedSpent !== '' && { unfinishedSpent: spendingIn(fields.unfinishedSpent) }),
    ...(fields.tasks !== '' && { hasTasks: true }),
    ...(fields.due !== '' && { nextDueAt: Number(fields.due) }),
    ...(fields.error !== '' && { error: fields.error }),
    ...(fields.claim !== '' && {
      turn: {
        claim: Number(fields.claim),
        owner: unescaped(fields.owner),
        logId: unescaped(fields.logId),
        letterId: unescaped(fields.letterId),
        lastId: fields.last,
        startedAt: Number(fields.started),
        ...(fields.turnAgent !== '' && { agent: agentIn(fields.turnAgent) }),
        ...(fields.takeovers !== '' && { takeovers: takeoversIn(fields.takeovers) }),
        ...(fields.floor !== '' && { floor: floorOf(fields.floor) }),
        ...(stop !== undefined && { stop }),
      },
    }),
  }
}

/** The fields that decide who may use the session. */
function accessOf({ tenant, subject, members }: Reply<Signatures['read-session']>) {
  const list = membersIn(members)
  return {
    tenant: unescaped(tenant),
    ...(subject !== '' && { subject: unescaped(subject) }),
    ...(list.length > 0 && { members: list }),
  }
}

/** An unknown role, stored by another version, may read. */
const membersIn = (lines: string): Member[] =>
  lines.split('\n').flatMap((line) => {
    const at = line.indexOf(' ')
    if (at === -1) return []
    const role = line.slice(0, at) === 'writer' ? 'writer' : 'reader'
    return [{ subject: unescaped(line.slice(at + 1)), role }]
  })

/** An unknown profile, stored by another version, counts as the lowest. */
const floorOf = (text: string): ReaderFloor =>
  readerFloors.find((floor) => floor === text) ?? readerFloors[0]

/** Returns undefined for `deleted`, for a missing session, and for a state of a later version. */
export function stateOf(text: string): KnownState | undefined {
  return text === 'idle' || text === 'running' || text === 'waiting' ? text : undefined
}

function stopOf(text: string | undefined): Stop | undefined {
  return text === 'keep' || text === 'discard' ? text : undefined
}

/** Checks that a script returned one of these words. */
export function wordOf<const WORD extends string>(text: string, words: readonly WORD[]): WORD {
  const word = words.find((each) => each === text)
  if (word === undefined)
    throw new LoomError(
      'internal',
      `A script of the store returned "${text}", which this version does not know.`,
    )
  return word
}
