/**
 * Runs ripgrep over a part of a workspace. It searches; it is not believed: between its look at a
 * directory and its opening of it a link may be put there, so whatever is shown of its results must
 * be looked up again through the workspace.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { abortError } from '../src/until-aborted.ts'
import type { Workspace } from '../src/workspace.ts'
import { temporaryPrefix } from '../src/workspace/replace.ts'
import { reservedName } from '../src/workspace/walk.ts'
import { rulesFor } from './ripgrep/ignore-rules.ts'
import { ripgrepProgram } from './ripgrep/program.ts'
import { Records } from './ripgrep/records.ts'

export interface RipgrepSearch {
  workspace: Workspace
  /** From the root, without links. */
  path: string
  arguments: readonly string[]
  /** What its output is cut at. */
  separator: '\n' | '\0'
  signal: AbortSignal
  timeoutMs: number
  /**
   * Given each record; of one that is too long only its beginning. False when no more are wanted.
   */
  take: (record: Buffer, isCut: boolean) => boolean
}

/** `late` where its time was up: what it found until then was given. */
export type RipgrepEnd = 'done' | 'enough' | 'late'

const recordBytesMax = 4 * 1024 * 1024
const messageBytesMax = 4096

const always = [
  '--no-config',
  '--no-messages',
  '--hidden',
  // Nothing above the workspace counts.
  '--no-ignore-parent',
  '--no-ignore-global',
  // Globs that only exclude; one that includes would include what .gitignore leaves out.
  ...['!.git', `!/${reservedName}`, `!${temporaryPrefix}*`].flatMap((glob) => ['--glob', glob]),
]

/** @throws Error with ripgrep's own message where it refuses, as for a bad pattern */
export async function ripgrep(search: RipgrepSearch): Promise<RipgrepEnd> {
  const { workspace, path, signal } = search
  const { rules, isRepository } = await rulesFor(workspace, path)
  const program = await ripgrepProgram()
  const file = rules === '' ? undefined : await unnamedFile(rules)
  try {
    signal.throwIfAborted()
    const child = spawn(
      program,
      [
        ...always,
        // A workspace need be no repository for its .gitignore to count. In one, ripgrep is to see
        // where others begin that lie in it: the rules end there.
        ...(isRepository ? [] : ['--no-require-git']),
        ...(file === undefined ? [] : ['--ignore-file', '/dev/fd/3']),
        ...search.arguments,
        '--',
        // Never taken for an option, whatever it is called. And never `./.`, with which the rules of
        // directories go wrong.
        path === '.' ? path : `./${path}`,
      ],
      {
        cwd: workspace.root,
        // Nothing of our environment: RIPGREP_CONFIG_PATH could make it run programs.
        env: {},
        stdio: ['ignore', 'pipe', 'pipe', file?.fd ?? 'ignore'],
      },
    )
    return await finish(child, search)
  } finally {
    await file?.close()
  }
}

/** A file that only its handle knows. Not a pipe: Node's are sockets, which cannot be opened by name. */
async function unnamedFile(text: string): Promise<FileHandle> {
  const path = join(tmpdir(), `loom-rules-${randomUUID()}`)
  const handle = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    // At a position: where /dev/fd shares the handle's own, that stays at the beginning.
    await handle.write(text, 0)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function finish(child: ChildProcess, search: RipgrepSearch): Promise<RipgrepEnd> {
  const { separator, signal, timeoutMs, take } = search
  let end: RipgrepEnd = 'done'
  const stop = (why?: RipgrepEnd) => {
    if (why !== undefined) end = why
    child.kill('SIGKILL')
  }
  const onAbort = () => stop()
  const timer = setTimeout(() => stop('late'), timeoutMs)
  signal.addEventListener('abort', onAbort, { once: true })
  const records = new Records({ separator, bytesMax: recordBytesMax, take })
  let message = ''
  child.stdout?.on('data', (chunk: Buffer) => {
    if (end === 'done' && !records.push(chunk)) stop('enough')
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    if (message.length < messageBytesMax) message += text
  })
  try {
    const code = await exitOf(child)
    if (signal.aborted) throw abortError(signal)
    // 2 with nothing to say: some file could not be read, and the rest was searched.
    if (end === 'done' && code !== 0 && code !== 1 && (code !== 2 || message !== '')) {
      throw new Error(message.trim() || `The search ended with ${code ?? 'a signal'}.`)
    }
    return end
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

function exitOf(child: ChildProcess): Promise<number | null> {
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', (cause) => {
    reject(new Error('The search program cannot be started.', { cause }))
  })
  child.once('close', resolve)
  return promise
}
