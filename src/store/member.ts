/** The subjects who may use a session of their tenant: its owner, and the members with whom it is shared. */

/** `reader`: reads the session and follows its streams. `writer`: also posts to it, stops it and answers its calls. */
export type MemberRole = 'reader' | 'writer'

/** A subject with whom a session is shared. */
export interface Member {
  /** The subject, of the tenant of the session. */
  subject: string
  /** What the subject may do with the session. */
  role: MemberRole
}

/** The maximum number of members of a session. */
export const membersMax = 100

/** The owner and the members of a session. */
export interface Shared {
  /** The subject to whom the session belongs. Absent: it belongs to its whole tenant. */
  subject?: string
  /** The other subjects who may use it. Absent if there are none. */
  members?: readonly Member[]
}

/** The sender of a letter, as far as a store knows it. */
export interface Author {
  /** The subject to whom a session belongs that begins with the letter. @defaultValue the whole tenant */
  subject?: string
  /**
   * The subject who must own the session or be a writer of it; otherwise the session is `foreign`. A session that
   * does not exist begins. @defaultValue no subject: the tenant decides alone
   */
  writer?: string
  /**
   * The subjects in whose lists the session moves to the front: its owner and members, as the caller read them.
   * @defaultValue `subject`
   */
  listedFor?: readonly string[]
}

/** Whether a subject may post to a session. Without a subject, every sender of the tenant may. */
export const mayWrite = ({ subject, members = [] }: Shared, writer: string | undefined): boolean =>
  writer === undefined ||
  subject === writer ||
  members.some((member) => member.subject === writer && member.role === 'writer')

/** Whether a session is in the list of a subject. Without a subject, it is in that of its tenant. */
export const isListedFor = (
  { subject, members = [] }: Shared,
  reader: string | undefined,
): boolean =>
  reader === undefined || subject === reader || members.some((member) => member.subject === reader)

/** The owner and the members of a session. */
export const subjectsOf = ({ subject, members = [] }: Shared): string[] => [
  ...(subject === undefined ? [] : [subject]),
  ...members.map((member) => member.subject),
]
