/**
 * The sandboxes of the tests: the machine's bubblewrap, or else Debian's, unpacked beside the project. A
 * kernel may forbid namespaces: on a developer's machine the run then prints a skip, and with `CI` set it
 * fails.
 */
import { dirname, join } from 'node:path'

import { LoomError } from '../../src/ground/error.ts'
import { openSandbox, type Sandbox } from '../../src/machine/sandbox.ts'
import { type SandboxOptions } from '../../src/machine/sandbox/options.ts'
import { unpackedDebian } from '../debian.ts'

export type Confinement = 'bwrap' | 'unshare' | 'none'

const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'] }

const bubblewrap: string = await openSandbox({ mode: 'bwrap', environment })
  .kind()
  .then(() => 'bwrap')
  .catch(async () => join(await unpackedDebian('bubblewrap', ['bubblewrap']), 'usr/bin/bwrap'))
  // A failed download counts as a missing program. The reason is printed below.
  .catch(() => 'bwrap')

/** A `PATH` in which a server finds the same bubblewrap. */
export const pathWithBubblewrap = [
  ...(bubblewrap.includes('/') ? [dirname(bubblewrap)] : []),
  process.env['PATH'] ?? '',
].join(':')

export function sandboxOf(kind: Confinement, more: Partial<SandboxOptions> = {}): Sandbox {
  if (kind === 'none') return openSandbox({ environment, mode: 'none', ...more })
  const bwrap = kind === 'bwrap' ? bubblewrap : '/nowhere/bwrap'
  const mode = kind === 'bwrap' ? 'bwrap' : 'auto'
  return openSandbox({ environment, mode, programs: { bwrap }, ...more })
}

/** The sandboxes that work on this machine. `none` always works. */
export const confinements: readonly Confinement[] = await workingHere()

async function workingHere(): Promise<Confinement[]> {
  const working: Confinement[] = ['none']
  for (const kind of ['unshare', 'bwrap'] as const) {
    const found = await sandboxOf(kind)
      .kind()
      .catch((error: unknown) => {
        if (error instanceof LoomError) return error.message
        throw error
      })
    if (found === kind) working.unshift(kind)
    else if (process.env['CI'] === undefined)
      process.stderr.write(`Not tested: ${kind}. ${found}\n`)
    else throw new Error(`Commands cannot be confined by ${kind} here: ${found}`)
  }
  return working
}
