/**
 * The id of a response: the session, the log and the part of the message that it names. Any instance finds the response by
 * it, and no store keeps it. It grants nothing: each use checks the role of the principal in the session.
 */

export interface ResponseKey {
  /** The id of the session, as its principal names it. */
  session: string
  logId: string
  /** The number of the part in the message; see `ResponseFold`. */
  part: number
  /** The number of messages of the history that the request added before the answer. */
  inputs: number
  /** The time of the request, in seconds since 1970. */
  createdAt: number
  isBackground: boolean
  isStructured: boolean
  /** Whether the request began the session, so that it has only the responses of one chain. */
  isOwnSession: boolean
  /** The id of the letter, if it waited. Otherwise its turn began at once. */
  letterId: string | undefined
}

const version = 1
const prefix = 'resp_'

/** The bits of the flags. */
const bits = { isBackground: 1, isStructured: 2, isOwnSession: 4, letterId: 8 } as const

const countMax = 65_535

export function responseId(key: ResponseKey): string {
  return `${prefix}${keyText(key)}`
}

/** The id without its prefix. The ids of output items contain it. */
export function keyText(key: ResponseKey): string {
  const head = Buffer.alloc(10)
  head.writeUInt8(version, 0)
  head.writeUInt8(flagsOf(key), 1)
  head.writeUInt32BE(key.createdAt, 2)
  head.writeUInt16BE(Math.min(key.part, countMax), 6)
  head.writeUInt16BE(Math.min(key.inputs, countMax), 8)
  const { letterId } = key
  const texts = [key.logId, key.session, ...(letterId === undefined ? [] : [letterId])]
  return Buffer.concat([head, ...texts.map(packed)]).toString('base64url')
}

/** Returns undefined for a text that is no id of a response. */
export function readResponseId(id: string): ResponseKey | undefined {
  return id.startsWith(prefix) ? readKey(id.slice(prefix.length)) : undefined
}

/** Returns undefined for a text that no response has. */
export function readKey(text: string): ResponseKey | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length < 12 || bytes.readUInt8(0) !== version) return undefined
  const flags = bytes.readUInt8(1)
  const [logId, session, letterId, rest] = unpacked(bytes.subarray(10))
  const hasLetter = (flags & bits.letterId) !== 0
  if (logId === undefined || session === undefined || hasLetter !== (letterId !== undefined)) {
    return undefined
  }
  const key: ResponseKey = {
    session,
    logId,
    part: bytes.readUInt16BE(6),
    inputs: bytes.readUInt16BE(8),
    createdAt: bytes.readUInt32BE(2),
    isBackground: (flags & bits.isBackground) !== 0,
    isStructured: (flags & bits.isStructured) !== 0,
    isOwnSession: (flags & bits.isOwnSession) !== 0,
    letterId,
  }
  // One response has one id: base64 has several spellings of the same bytes.
  return rest === undefined && keyText(key) === text ? key : undefined
}

const flagsOf = ({ isBackground, isStructured, isOwnSession, letterId }: ResponseKey): number =>
  (isBackground ? bits.isBackground : 0) |
  (isStructured ? bits.isStructured : 0) |
  (isOwnSession ? bits.isOwnSession : 0) |
  (letterId === undefined ? 0 : bits.letterId)

const uuid = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/

/** The length of a UUID, which takes 16 bytes instead of its 36 characters. No text is so long. */
const uuidMark = 0xffff

function packed(text: string): Buffer {
  const isUuid = uuid.test(text)
  const bytes = isUuid ? Buffer.from(text.replaceAll('-', ''), 'hex') : Buffer.from(text)
  const length = Buffer.alloc(2)
  length.writeUInt16BE(isUuid ? uuidMark : bytes.length)
  return Buffer.concat([length, bytes])
}

function unpacked(bytes: Buffer): string[] {
  const texts: string[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const length = bytes.readUInt16BE(at)
    const isUuid = length === uuidMark
    const end = at + 2 + (isUuid ? 16 : length)
    if (end > bytes.length) return []
    const part = bytes.subarray(at + 2, end)
    texts.push(isUuid ? uuidOf(part.toString('hex')) : part.toString())
    at = end
  }
  return at === bytes.length ? texts : []
}

const uuidOf = (hex: string): string =>
  [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
