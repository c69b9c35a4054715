/**
 * Settings from a file: `loom dev` reads `.env` of the current folder, and `--env-file` names another one. A
 * variable of the environment comes before one of the file.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'

import { errorMessage, LoomError } from '../ground/error.ts'

/** The file that `loom dev` reads if it exists. */
const defaultFile = '.env'

/**
 * Sets the variables of the file that the environment does not have.
 * @param named the file of `--env-file`. Undefined: `.env` for development, else none
 * @returns a line for the user, or undefined if no file was read
 * @throws LoomError `invalid-config` for a named file that does not exist, and for a file that cannot be read
 */
export async function readEnvFile(
  program: Pick<NodeJS.Process, 'env' | 'cwd'>,
  { named, isDev }: { named: string | undefined; isDev: boolean },
): Promise<string | undefined> {
  const path = named ?? (isDev ? defaultFile : undefined)
  if (path === undefined) return undefined
  const text = await readFile(resolve(program.cwd(), path), 'utf8').catch((error: unknown) => {
    if (named === undefined && codeOf(error) === 'ENOENT') return undefined
    throw new LoomError('invalid-config', `${path} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    })
  })
  if (text === undefined) return undefined
  const set: string[] = []
  for (const [name, value] of Object.entries(parseEnv(text))) {
    if (value === undefined || program.env[name] !== undefined) continue
    program.env[name] = value
    set.push(name)
  }
  return `${path} sets ${set.length === 0 ? 'nothing that the environment does not have' : set.join(', ')}`
}

const codeOf = (error: unknown) =>
  error instanceof Error && 'code' in error ? error.code : undefined
