/**
 * Runs ripgrep over a part of a workspace. Its results are not trusted: another process may put a link
 * in the place of a directory after ripgrep checked it and before ripgrep opens it. A caller must look
 * up each result again through the workspace before it shows the result.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { abortError } from '../src/ground/until-aborted.ts'
import type { Workspace } from '../src/machine/workspace.ts'
import { temporaryPrefix } from '../src/machine/workspace/replace.ts'
import { reservedName } from '../src/machine/workspace/walk.ts'
import { rulesFor } from './ripgrep/ignore-rules.ts'
import { ripgrepProgram } from './ripgrep/program.ts'
import { Records } from './ripgrep/records.ts'

export interface RipgrepSearch {
  workspace: Workspace
  /** Relative to the root, without links. */
  path: string
  arguments: readonly string[]
  /** Separates the records of the output. */
  separator: '\n' | '\0'
  signal: AbortSignal
  timeoutMs: number
  /**
   * Receives each record, or only the beginning of a record that is too long (`isCut`). Returns false
   * to end the search.
   */
  take: (record: Buffer, isCut: boolean) => boolean
}

/** `late` means that the time limit ended the search; `take` received the results until then. */
export type RipgrepEnd = 'done' | 'enough' | 'late'

const recordBytesMax = 4 * 1024 * 1024
const messageBytesMax = 4096

const always = [
  '--no-config',
  '--no-messages',
  '--hidden',
  // Ignore files above the workspace do not apply.
  '--no-ignore-parent',
  '--no-ignore-global',
  // Only excluding globs: an including glob would also include files that .gitignore excludes.
  ...['!.git', `!/${reservedName}`, `!${temporaryPrefix}*`].flatMap((glob) => ['--glob', glob]),
]

/** @throws Error with ripgrep's own message if ripgrep fails, for example for a bad pattern */
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
        // The .gitignore of a workspace applies even if the workspace is no repository. In a
        // repository, ripgrep must detect nested repositories, since the rules end there.
        ...(isRepository ? [] : ['--no-require-git']),
        ...(file === undefined ? [] : ['--ignore-file', '/dev/fd/3']),
        ...search.arguments,
        '--',
        // The prefix `./` keeps ripgrep from reading a name as an option. The root is `.` and not
        // `./.`, with which ripgrep applies rules for directories wrongly.
        path === '.' ? path : `./${path}`,
      ],
      {
        cwd: workspace.root,
        // An empty environment: RIPGREP_CONFIG_PATH could make ripgrep run programs.
        env: {},
        stdio: ['ignore', 'pipe', 'pipe', file?.fd ?? 'ignore'],
      },
    )
    return await finish(child, search)
  } finally {
    await file?.close()
  }
}

/**
 * Returns a file that has no name, only a handle. A pipe does not work: Node's pipes are sockets, and
 * `/dev/fd/3` cannot open a socket.
 */
async function unnamedFile(text: string): Promise<FileHandle> {
  const path = join(tmpdir(), `loom-rules-${randomUUID()}`)
  const handle = await open(path, 'wx+', 0o600)
  try {
    await unlink(path)
    // A positional write does not move the handle's own position, which /dev/fd may share.
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
    // Code 2 without a message: ripgrep could not read some file, and searched the others.
    if (end === 'done' && code !== 0 && code !== 1 && (code !== 2 || message !== '')) {
      throw new Error(message.trim() || `The search failed: it ended with ${code ?? 'a signal'}.`)
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
    reject(
      new Error(
        'The search program (ripgrep) cannot be started. Install ripgrep, so that `rg` is in the PATH of the server, or install the package again without --omit=optional.',
        { cause },
      ),
    )
  })
  child.once('close', resolve)
  return promise
}
