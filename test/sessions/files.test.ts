/** One server whose sessions are in files: it dies at any moment, and the next one on its port continues. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, afterEach, describe, expect, it } from 'vitest'

import { addressOf, endProcesses, startLoom } from '../loom-process.ts'
import { freePort } from '../redis/free-port.ts'
import { until } from '../redis/until.ts'
import { chance } from './random.ts'
import { type BareStage, openStageOn, type StageOptions } from './stage.ts'
import { expectWhole, untilIdle } from './staged-turn.ts'
import { cast, messagesOf, openTab } from './tab.ts'

const folders: string[] = []
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))
afterEach(endProcesses)

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-data-'))
  folders.push(folder)
  return folder
}

/** A server that has the same port and folder after each start. */
async function openFileStage({ environment, ...options }: StageOptions = {}): Promise<BareStage> {
  const own = { REDIS_URL: '', PORT: String(await freePort()), LOOM_DATA: await newFolder() }
  return openStageOn('', { ...options, instances: 1, environment: { ...own, ...environment } })
}

const textsOf = async (url: string, chatId: string) =>
  (await messagesOf(url, chatId)).map(({ role, parts }) => [
    role,
    parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
  ])

describe('a server with files', () => {
  it(
    'finishes every answer after a kill, as one coherent answer',
    { timeout: 120_000 },
    async () => {
      const { seed, below } = chance()
      await using stage = await openFileStage({ paceMs: 6 })
      for (let round = 0; round < 2; round += 1) {
        const { url } = stage.instance(0)
        const turns = Array.from({ length: 10 }, () => {
          const chatId = randomUUID()
          const place = below(80)
          const seen: string[] = []
          const tab = openTab({ urls: [url], profile: below(2) === 0 ? 'v6' : 'v7' })
          const asked = tab.send(chatId, 'steps: 6', { onChunk: ({ type }) => seen.push(type) })
          return { chatId, place, seen, asked }
        })
        const far = turns.map(({ seen, place }) =>
          until(
            20_000,
            'the turn is far enough',
            () => seen.length > place || seen.at(-1) === 'finish',
          ),
        )
        await Promise.all(far)
        await stage.instance(0).kill()
        await stage.start(0)
        await Promise.all(
          turns.map(async ({ chatId, asked, seen }) => {
            const label = `seed ${seed}, round ${round}, killed after ${seen.length} events`
            const message = await asked.message
            await untilIdle(url, chatId)
            const stored = (await messagesOf(url, chatId)).at(-1)
            if (stored === undefined) throw new Error(`nothing was stored: ${label}`)
            expect(message, label).toEqual(stored)
            expectWhole(stored, 6, label)
          }),
        )
      }
    },
  )

  it('continues a turn at once after its start', async () => {
    await using stage = await openFileStage({ environment: { LOOM_HEARTBEAT_MS: '60000' } })
    const { url } = stage.instance(0)
    const chatId = randomUUID()
    await cast(url, chatId, 'steps: 200')
    await stage.instance(0).kill()
    await stage.start(0)
    // The heartbeat of the dead process would last for a minute.
    await untilIdle(url, chatId)
  })

  it('keeps histories and accepted messages over a kill', async () => {
    await using stage = await openFileStage({ paceMs: 20 })
    const { url } = stage.instance(0)
    const chatId = randomUUID()
    expect(await openTab({ urls: [url] }).send(chatId, 'steps: 1').message).toBeDefined()
    const before = await textsOf(url, chatId)
    await stage.instance(0).kill()
    await stage.start(0)
    expect(await textsOf(url, chatId)).toEqual(before)
    await cast(url, chatId, 'steps: 4')
    await cast(url, chatId, 'steps: 2')
    await stage.instance(0).kill()
    await stage.start(0)
    await until(20_000, 'both messages have their answers', async () => {
      const texts = await textsOf(url, chatId)
      return texts.length === 6 && /Step 2: one two three/.test(String(texts.at(-1)?.[1]))
    })
    const roles = (await textsOf(url, chatId)).map(([role]) => role)
    expect(roles).toEqual(['user', 'assistant', 'user', 'assistant', 'user', 'assistant'])
  })

  it('hands a turn over to its next start when it has no time to finish', async () => {
    await using stage = await openFileStage({ paceMs: 20, environment: { LOOM_GRACE_MS: '50' } })
    const { url } = stage.instance(0)
    const chatId = randomUUID()
    const seen: string[] = []
    const asked = openTab({ urls: [url] }).send(chatId, 'steps: 6', {
      onChunk: ({ type }) => seen.push(type),
    })
    // More starts than deaths of owners are allowed: a hand-over is no death.
    for (let round = 1; round <= 4; round += 1) {
      await until(10_000, 'the turn goes on', () => seen.length > 3 * round)
      expect(await stage.instance(0).terminate().gone).toBe(0)
      await stage.start(0)
    }
    const message = await asked.message
    expect(message).toBeDefined()
    if (message !== undefined) expectWhole(message, 6)
  })
})

describe('the place of the sessions', () => {
  const greetingOf = async (environment: Record<string, string>) => {
    const loom = startLoom(environment)
    await addressOf(loom)
    await until(5000, 'the whole greeting', () => loom.output().stdout.includes('  try '))
    expect(loom.output().stderr).toBe('')
    return loom
      .output()
      .stdout.split('\n')
      .filter((line) => line.includes('sessions'))
  }

  it('is a folder for each port', async () => {
    const home = await newFolder()
    const port = String(await freePort())
    expect(await greetingOf({ HOME: home, PORT: port })).toEqual([
      `  keeps  sessions in ~/.local/state/loom/serve-${port}`,
    ])
  })

  it('is the memory with PORT=0, with LOOM_STORE=memory and without a home', async () => {
    const home = await newFolder()
    const port = String(await freePort())
    const memory = expect.stringMatching(/^ {2}keeps {2}sessions in memory, (?:because|as) /)
    expect(await greetingOf({ HOME: home })).toEqual([memory])
    expect(await greetingOf({ HOME: home, PORT: port, LOOM_STORE: 'memory' })).toEqual([memory])
    expect(await greetingOf({ PORT: String(await freePort()) })).toEqual([memory])
  })

  it('is the memory where the folder cannot be written, unless LOOM_STORE is file', async () => {
    // Nobody can create a folder there, not even root.
    const environment = { PORT: String(await freePort()), LOOM_DATA: '/proc/loom' }
    expect(await greetingOf(environment)).toEqual([
      '  keeps  sessions in memory, because /proc/loom cannot be written (to keep them, set LOOM_DATA)',
    ])
    const strict = startLoom({ PORT: '0', LOOM_DATA: '/proc/loom', LOOM_STORE: 'file' })
    expect(await strict.exited).toBe(3)
    expect(strict.output().stderr).toMatch(/^loom: \/proc\/loom cannot be used\. .*\n$/)
  })

  it('belongs to one server', async () => {
    const LOOM_DATA = await newFolder()
    const [PORT, other] = [String(await freePort()), String(await freePort())]
    const first = startLoom({ PORT, LOOM_DATA })
    await addressOf(first)
    const second = startLoom({ PORT: other, LOOM_DATA })
    expect(await second.exited).toBe(3)
    const holder = `loom: ${LOOM_DATA} is in use by process ${first.child.pid}: `
    expect(second.output().stderr).toContain(holder)
    expect(second.output().stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})
