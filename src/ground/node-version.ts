/**
 * The import of this module fails on a Node.js that is too old for Loom. Without it, the first run
 * would fail with a `TypeError` about a missing function. The entries of the library import it
 * first. Only the major version counts, because other runtimes report a version that they imitate
 * (Cloudflare's 22.14), and the command checks the exact one (`bin/loom.mjs`).
 */
import { LoomError } from './error.ts'

const oldest = 22

/** Undefined in a browser and in a runtime without `process`. */
const { process }: { process?: { versions?: { node?: string } } } = globalThis
const version = process?.versions?.node

if (version !== undefined && Number.parseInt(version) < oldest) {
  throw new LoomError(
    'invalid-config',
    `Loom needs Node 22.19 or newer; this is ${version}. Install a newer Node from https://nodejs.org.`,
  )
}
