/**
 * Ends a command with all that it started. In a PID namespace that is one kill, of its first process;
 * elsewhere it is the process group and whatever carries the call's id.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'

import type { SandboxKind } from '../sandbox.ts'
import { callIdVariable } from './supervisor.ts'

/** How long the kernel has for what takes it a millisecond, on a machine that is overloaded. */
const patienceMs = 5000

/** Settles when nothing of the command lives, as far as that can be seen to. */
export async function endAll(
  child: ChildProcess,
  { kind, callId }: { kind: SandboxKind; callId: string },
): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  // The sandbox's own process ends when the first of its namespace is gone, and that one is gone
  // when all the others are.
  if (kind !== 'none') {
    for (const first of await childrenOf(pid)) kill(first)
    await ended(child, patienceMs)
  }
  kill(-pid)
  await ended(child, patienceMs)
  if (kind === 'none') await sweep(callId)
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function ended(child: ChildProcess, ms: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await once(child, 'exit', { signal: AbortSignal.timeout(ms) }).catch(() => undefined)
}

/** What left the group, as a daemon does. One that was just started by another needs a second look. */
async function sweep(callId: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const found = await carriersOf(callId)
    if (found.length === 0) return
    for (const pid of found) kill(pid)
  }
}

async function carriersOf(callId: string): Promise<number[]> {
  const entries = await readdir('/proc').catch((): string[] => [])
  const mark = `${callIdVariable}=${callId}`
  const found = entries.filter(isPid).map(async (entry) => {
    const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '')
    return environment.split('\0').includes(mark) ? [Number(entry)] : []
  })
  return (await Promise.all(found)).flat()
}

const isPid = (entry: string) => /^\d+$/.test(entry)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
