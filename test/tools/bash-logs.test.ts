/** The log folders of bash, which outlive their process for a limited time. */
import { spawnSync } from 'node:child_process'
import {
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { bash } from '../../tools/bash.ts'
import { callTool } from './called-tool.ts'
import { sandboxOf } from './sandboxes.ts'

const environment = { PATH: process.env['PATH'] }
const dayMs = 24 * 60 * 60_000

let folder: string
let logParent: string

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-logs-test-')))
  logParent = join(folder, 'logs')
  await mkdir(logParent)
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const shell = () => bash({ workspace: folder, environment, sandbox: sandboxOf('none'), logParent })

/** The id of a process that has ended. */
const endedPid = () => spawnSync('true').pid

/** Creates a folder with a log, as a dead process leaves it. */
async function left(pid: number, ageMs: number): Promise<string> {
  const path = await mkdtemp(join(logParent, `loom-bash-${pid}-`))
  await writeFile(join(path, 'call.log'), 'output')
  await age(path, ageMs)
  return path
}

async function age(path: string, ageMs: number): Promise<void> {
  const then = new Date(Date.now() - ageMs)
  await utimes(path, then, then)
}

const entries = async () => (await readdir(logParent)).map((name) => join(logParent, name))

describe('the logs of bash', () => {
  it('are removed by another process after a day', async () => {
    const gone = await left(endedPid(), 2 * dayMs)
    // In a container, an earlier process may have had the same id.
    const namesake = await left(process.pid, 2 * dayMs)
    const fresh = await left(endedPid(), dayMs / 2)
    const running = await left(process.ppid, 2 * dayMs)
    await callTool(shell(), { command: 'true' })
    const all = await entries()
    expect(all).not.toContain(gone)
    expect(all).not.toContain(namesake)
    expect(all).toEqual(expect.arrayContaining([fresh, running]))
    expect(all).toHaveLength(2)
    expect(await readFile(join(running, 'call.log'), 'utf8')).toBe('output')
  })

  it('are removed without following a link', async () => {
    const outside = join(folder, 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'file'), 'precious')
    await age(outside, 2 * dayMs)
    const linked = await left(endedPid(), 2 * dayMs)
    await symlink(outside, join(linked, 'link'))
    await age(linked, 2 * dayMs)
    const link = join(logParent, `loom-bash-${endedPid()}-abcdef`)
    await symlink(outside, link)
    const then = new Date(Date.now() - 2 * dayMs)
    await lutimes(link, then, then)
    await callTool(shell(), { command: 'true' })
    expect(await entries()).not.toContain(linked)
    expect(await entries()).toContain(link)
    expect(await readFile(join(outside, 'file'), 'utf8')).toBe('precious')
  })

  it('get a new folder if a cleanup removed theirs', async () => {
    const tool = shell()
    await callTool(tool, { command: 'true' })
    for (const path of await entries()) await rm(path, { recursive: true })
    expect((await callTool(tool, { command: 'echo still here' })).output).toBe('still here')
  })
})
