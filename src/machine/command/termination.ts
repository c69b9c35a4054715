/**
 * Ends all processes of a command. In a PID namespace it kills the first process, and the kernel ends the
 * others. Without a namespace it kills the process group and all processes with the call's id.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'

import type { SandboxKind } from '../sandbox/options.ts'
import { callIdVariable } from './supervisor.ts'

/** The limit of the wait for an exit, which takes about a millisecond on a machine without load. */
const exitWaitMs = 5000

/** Resolves when the processes of the command have ended, as far as this process can detect them. */
export async function endProcesses(
  child: ChildProcess,
  { kind, callId }: { kind: SandboxKind; callId: string },
): Promise<void> {
  const { pid } = child
  if (pid === undefined) return
  // The first process of the namespace ends after all its other processes, and the sandbox's own process
  // ends after that.
  if (kind !== 'none') {
    for (const first of await childrenOf(pid)) kill(first)
    await waitForExit(child, exitWaitMs)
  }
  kill(-pid)
  await waitForExit(child, exitWaitMs)
  if (kind === 'none') await sweep(callId)
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  return text.split(' ').filter(Boolean).map(Number)
}

async function waitForExit(child: ChildProcess, ms: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await once(child, 'exit', { signal: AbortSignal.timeout(ms) }).catch(() => undefined)
}

/**
 * Ends the processes that left the group, as daemons do. It repeats the search, since a process may start
 * another one during the search.
 */
async function sweep(callId: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    const pids = await processesOf(callId)
    if (pids.length === 0) return
    for (const pid of pids) kill(pid)
  }
}

async function processesOf(callId: string): Promise<number[]> {
  const entries = await readdir('/proc').catch((): string[] => [])
  const variable = `${callIdVariable}=${callId}`
  const pids = entries.filter(isPid).map(async (entry) => {
    const environment = await readFile(`/proc/${entry}/environ`, 'latin1').catch(() => '')
    return environment.split('\0').includes(variable) ? [Number(entry)] : []
  })
  return (await Promise.all(pids)).flat()
}

const isPid = (entry: string) => /^\d+$/.test(entry)

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // The process has already ended.
  }
}
