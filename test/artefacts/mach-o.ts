/**
 * Reads the header and the signature of a program of macOS. The structures are those of Apple's
 * `mach-o/loader.h` and of `cs_blobs.h` in XNU. The header has the byte order of the processor, and
 * the signature is big-endian.
 */
import { createHash } from 'node:crypto'

export interface MachO {
  is64Bit: boolean
  isArm64: boolean
  isExecutable: boolean
  /** The oldest macOS that starts it: `13.5`. */
  oldestMacos: string | undefined
  signature: Signature | undefined
}

export interface Signature {
  /** The team of the certificate. Undefined for a signature without a certificate. */
  team: string | undefined
  /** The certificates and their signature, which contains the hash of the list of hashes. */
  isCertified: boolean
  /** The number of bytes from the start of the file that the hashes cover. */
  coveredBytes: number
  /** The position of the signature in the file. */
  start: number
  /** The numbers of the pages whose bytes have another hash. */
  changedPages: number[]
}

const magic64 = 0xfeedfacf
const cpuArm64 = 0x0100000c
const executableType = 2
const headerBytes = 32
const codeSignatureCommand = 0x1d
const buildVersionCommand = 0x32

export function readMachO(file: Buffer): MachO {
  const commands = loadCommands(file)
  const start = commands.get(codeSignatureCommand)?.readUInt32LE(8)
  const oldest = commands.get(buildVersionCommand)?.readUInt32LE(12)
  return {
    is64Bit: file.readUInt32LE(0) === magic64,
    isArm64: file.readUInt32LE(4) === cpuArm64,
    isExecutable: file.readUInt32LE(12) === executableType,
    oldestMacos: oldest === undefined ? undefined : `${oldest >>> 16}.${(oldest >>> 8) & 0xff}`,
    signature: start === undefined ? undefined : readSignature(file, start),
  }
}

function loadCommands(file: Buffer): Map<number, Buffer> {
  const commands = new Map<number, Buffer>()
  let at = headerBytes
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const size = file.readUInt32LE(at + 4)
    commands.set(file.readUInt32LE(at), file.subarray(at, at + size))
    at += size
  }
  return commands
}

const superBlobMagic = 0xfade0cc0
const directorySlot = 0
const certificateSlot = 0x10000
const sha256Type = 2

function readSignature(file: Buffer, start: number): Signature {
  const blobs = signatureBlobs(file.subarray(start))
  const directory = blobs.get(directorySlot)
  if (directory === undefined) throw new Error('The signature has no list of hashes.')
  if (directory.readUInt8(37) !== sha256Type) throw new Error('The hashes are not SHA-256.')
  const first = directory.readUInt32BE(16)
  const count = directory.readUInt32BE(28)
  const coveredBytes = directory.readUInt32BE(32)
  const hashBytes = directory.readUInt8(36)
  const pageBytes = 2 ** directory.readUInt8(39)
  const pages = Array.from({ length: count }, (_, page) => page)
  const changedPages = pages.filter((page) => {
    const end = Math.min((page + 1) * pageBytes, coveredBytes)
    const hash = sha256(file.subarray(page * pageBytes, end))
    const at = first + page * hashBytes
    return !hash.equals(directory.subarray(at, at + hashBytes))
  })
  const teamAt = directory.readUInt32BE(48)
  const certificate = blobs.get(certificateSlot)
  return {
    team: teamAt === 0 ? undefined : textAt(directory, teamAt),
    isCertified: certificate?.includes(sha256(directory)) === true,
    coveredBytes,
    start,
    changedPages,
  }
}

/** The parts of a signature by the number of their slot. */
function signatureBlobs(bytes: Buffer): Map<number, Buffer> {
  if (bytes.readUInt32BE(0) !== superBlobMagic) throw new Error('This is not a signature.')
  const blobs = new Map<number, Buffer>()
  for (let index = 0; index < bytes.readUInt32BE(8); index++) {
    const at = bytes.readUInt32BE(16 + index * 8)
    const size = bytes.readUInt32BE(at + 4)
    blobs.set(bytes.readUInt32BE(12 + index * 8), bytes.subarray(at, at + size))
  }
  return blobs
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest()

const textAt = (bytes: Buffer, at: number) =>
  bytes.subarray(at, bytes.indexOf(0, at)).toString('latin1')
