/** Runs a trial command in a sandbox, to find whether the sandbox works on this machine. */
import { execFile } from 'node:child_process'

import { errorMessage } from '../../ground/error.ts'
import type { Argv } from './confined-program.ts'
import { defaultPath } from './toolchains.ts'

export type Trial<VALUE> = { works: true; value: VALUE } | { works: false; reason: string }

const trialMs = 10_000

/** Returns the first value whose command succeeds, or else the reason why the first command failed. */
export async function firstThatRuns<VALUE>(
  candidates: readonly { value: VALUE; argv: Argv }[],
  path: string | undefined,
): Promise<Trial<VALUE>> {
  let reason = 'nothing to try'
  for (const [index, { value, argv }] of candidates.entries()) {
    const problem = await problemOf(argv, path)
    if (problem === undefined) return { works: true, value }
    if (index === 0) reason = problem
  }
  return { works: false, reason }
}

async function problemOf([program, ...rest]: Argv, path = defaultPath) {
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const options = { timeout: trialMs, killSignal: 'SIGKILL', env: { PATH: path } } as const
  execFile(program, rest, options, (error, _stdout, stderr) => {
    if (error === null) return resolve(undefined)
    if (error.code === 'ENOENT') return resolve('it is not installed')
    resolve(stderr.trim().split('\n')[0] || errorMessage(error))
  })
  return promise
}
