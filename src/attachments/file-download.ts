/**
 * Downloads a file that a client names by its address. The address may come from anyone, so no connection goes to a private
 * network: a name is resolved once, each of its addresses must be public, and the connection goes to the address that was
 * checked, also after a redirect. Size, time and type are bounded.
 */
import { lookup } from 'node:dns/promises'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { isIP } from 'node:net'

import type { UIMessage } from 'ai'

import { LoomError } from '../ground/error.ts'
import { addressFault, isPrivateHost } from '../wire/conversation/file-address.ts'
import { fileName } from '../wire/conversation/posted-files.ts'

/** The network, which a test replaces. */
export interface DownloadWorld {
  /** Returns the addresses of a name. */
  resolve: (host: string) => Promise<readonly HostAddress[]>
  request: (url: URL, options: RequestOptions) => ClientRequest
  /** The time limit of one file with its redirects, in milliseconds. */
  limitMs: number
  /** The size limit of one file, in bytes. */
  bytesMax: number
}

export interface HostAddress {
  address: string
  family: number
}

const network: DownloadWorld = {
  resolve: (host) => lookup(host, { all: true }),
  request: httpsRequest,
  limitMs: 20_000,
  bytesMax: 10 * 1024 * 1024,
}

const redirectsMax = 3

/** The files of one message that are downloaded. */
const filesMax = 10

type FilePart = UIMessage['parts'][number] & { type: 'file' }
type Downloaded = { bytes: Buffer; mediaType: string } | { fault: string }

/**
 * Returns the message with the content of its `https:` files in the place of their addresses.
 * @throws LoomError `invalid-request` that names the file and the reason
 */
export async function withDownloads(
  message: UIMessage,
  world: DownloadWorld = network,
): Promise<UIMessage> {
  const isRemote = (part: UIMessage['parts'][number]): part is FilePart =>
    part.type === 'file' && /^https:/i.test(part.url)
  const count = message.parts.filter(isRemote).length
  if (count === 0) return message
  if (count > filesMax) {
    throw new LoomError(
      'invalid-request',
      `A message may have at most ${filesMax} files with an "https:" address. Send the others as "data:" URLs.`,
    )
  }
  const parts: UIMessage['parts'] = []
  // One after the other, so that a message opens one connection.
  for (const part of message.parts) parts.push(isRemote(part) ? await fetched(part, world) : part)
  return { ...message, parts }
}

async function fetched(part: FilePart, world: DownloadWorld): Promise<FilePart> {
  const file = await download(part, world)
  if ('fault' in file) {
    const text = `${fileName(part.filename)} cannot be read: ${file.fault}`
    throw new LoomError('invalid-request', text)
  }
  const { bytes, mediaType } = file
  return { ...part, mediaType, url: `data:${mediaType};base64,${bytes.toString('base64')}` }
}

async function download(part: FilePart, world: DownloadWorld): Promise<Downloaded> {
  const signal = AbortSignal.timeout(world.limitMs)
  try {
    let url = new URL(part.url)
    for (let hop = 0; hop <= redirectsMax; hop++) {
      const target = await targetOf(url, world, signal)
      if ('fault' in target) return target
      const response = await send(url, target, { world, signal })
      const { location } = response.headers
      if (!isRedirect(response.statusCode) || location === undefined) {
        return await fileIn(response, part, world.bytesMax)
      }
      response.destroy()
      if (!URL.canParse(location, url)) return { fault: 'its server redirects to no address.' }
      url = new URL(location, url)
    }
    return { fault: `its address redirects more than ${redirectsMax} times.` }
  } catch (error) {
    if (signal.aborted) return { fault: `its download took more than ${world.limitMs} ms.` }
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return { fault: `its server cannot be reached${code}. Send its content as a "data:" URL.` }
  }
}

const isRedirect = (status = 0) => [301, 302, 303, 307, 308].includes(status)

/** Returns the address for the connection. */
async function targetOf(
  url: URL,
  { resolve }: DownloadWorld,
  signal: AbortSignal,
): Promise<HostAddress | { fault: string }> {
  const fault = addressFault(url.href, 'public')
  if (fault !== undefined) return { fault }
  if (url.username !== '' || url.password !== '') return { fault: 'its address has a password.' }
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const family = isIP(host)
  if (family !== 0) return { address: host, family }
  const found = await orAborted(resolve(host), signal)
  const [first] = found
  if (first === undefined) return { fault: 'its host has no address.' }
  // A name with a private address beside a public one may answer with either.
  if (!found.some(({ address }) => isPrivateHost(address))) return first
  return { fault: 'its host is in a private network. Send its content as a "data:" URL.' }
}

/** The resolver of the system has no signal. */
async function orAborted<VALUE>(promise: Promise<VALUE>, signal: AbortSignal): Promise<VALUE> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function send(
  url: URL,
  target: HostAddress,
  { world, signal }: { world: DownloadWorld; signal: AbortSignal },
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const request = world.request(url, {
    signal,
    // No connection of an earlier address of the name.
    agent: false,
    headers: { accept: '*/*', 'accept-encoding': 'identity', 'user-agent': 'loom' },
    // The name stays in the certificate check and in `Host`.
    lookup(_host, options, callback) {
      if (options.all === true) callback(null, [target])
      else callback(null, target.address, target.family)
    },
  })
  request.on('response', resolve).on('error', reject).end()
  return promise
}

async function fileIn(
  response: IncomingMessage,
  part: FilePart,
  bytesMax: number,
): Promise<Downloaded> {
  const fault = faultOf(response, part, bytesMax)
  if (fault !== undefined) {
    response.destroy()
    return { fault }
  }
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of response) {
    // A response without an encoding gives buffers.
    const bytes = Buffer.isBuffer(piece) ? piece : Buffer.from(String(piece))
    size += bytes.length
    // The end of the loop closes the connection.
    if (size > bytesMax) return { fault: tooLarge(bytesMax) }
    pieces.push(bytes)
  }
  if (size === 0) return { fault: 'its server sent an empty file.' }
  return { bytes: Buffer.concat(pieces), mediaType: typeOf(response, part) }
}

function faultOf(response: IncomingMessage, part: FilePart, bytesMax: number): string | undefined {
  const { statusCode, headers } = response
  if (statusCode !== 200) return `its server answered with status ${statusCode}.`
  if (Number(headers['content-length'] ?? 0) > bytesMax) return tooLarge(bytesMax)
  const encoding = headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') return `its server sent it in the encoding ${encoding}.`
  const type = typeOf(response, part)
  // A page about an error, or one to sign in, is no image.
  if (kindOf(type) === kindOf(part.mediaType)) return undefined
  return `its server sent ${type}, and the message says ${part.mediaType}.`
}

const tooLarge = (bytesMax: number) => `it has more than ${bytesMax} bytes. Send a smaller one.`

/** The type of the server, or that of the message if the server does not know it. */
function typeOf({ headers }: IncomingMessage, { mediaType }: FilePart): string {
  const [type = ''] = (headers['content-type'] ?? '').split(';')
  const sent = type.trim().toLowerCase()
  const isKnown = /^[\w.+-]+\/[\w.+-]+$/.test(sent) && sent !== 'application/octet-stream'
  return isKnown ? sent : mediaType
}

/** A file of one kind may have another type of this kind: `image/*`, a JPEG that a page takes for a PNG. */
function kindOf(mediaType: string): string {
  const [kind = '', type = ''] = mediaType.toLowerCase().split(';', 1).join('').split('/')
  if (kind === 'text' || /^(?:.*\+)?(?:json|xml)$|^(?:yaml|javascript)$/.test(type)) {
    return type === 'html' ? 'text/html' : 'text'
  }
  return kind === 'application' ? `application/${type}` : kind
}
