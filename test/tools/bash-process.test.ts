/** The memory of bash and its remaining processes, measured from outside its process. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { carriersOf } from './carriers.ts'
import { confinements } from './sandboxes.ts'

let workspace: string

beforeAll(async () => {
  workspace = await mkdtemp(join(tmpdir(), 'loom-bash-process-'))
})

afterAll(() => rm(workspace, { recursive: true, force: true }))

function startHost(kind: string, command: string): ChildProcess {
  const host = join(import.meta.dirname, 'bash-host.ts')
  return spawn(process.execPath, [host, kind, workspace, command], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

describe.each(confinements)('bash in %s', (kind) => {
  it('receives a gigabyte of output in little memory', { timeout: 120_000 }, async () => {
    const line = 'a line of some length, as a compiler would print it'
    const host = startHost(kind, `yes ${line} | head -c 1000000000; echo; echo last`)
    let stdout = ''
    host.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
    const ended = Promise.withResolvers<number | null>()
    host.once('close', ended.resolve)
    expect(await within(110_000, 'the end of a gigabyte', ended.promise)).toBe(0)
    const { output, kilobytes }: { output: string; kilobytes: number } = JSON.parse(stdout)
    expect(output).toMatch(/\nlast\n\n\[Output cut: of \d{8} lines, .* are kept\]$/)
    expect(kilobytes).toBeLessThan(40_000)
  })

  it('leaves no process if its host is killed', async () => {
    const mark = randomUUID()
    const sleeper = `bash -c 'sleep 100; : ${mark}'`
    const host = startHost(kind, `setsid ${sleeper} & ${sleeper} & touch ${mark}; ${sleeper}`)
    const hasStarted = async () => (await readdir(workspace)).includes(mark)
    try {
      await until(20_000, 'the command has begun', hasStarted)
      await until(20_000, 'all of it runs', async () => (await carriersOf(mark)) >= 4)
    } finally {
      host.kill('SIGKILL')
    }
    await until(10_000, 'all of it is gone', async () => (await carriersOf(mark)) === 0)
  })
})
