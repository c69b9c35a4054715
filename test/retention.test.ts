/** Sessions of an agent with `retentionDays` end some time after their last message, on every store. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { openFolderObjects } from '../src/attachments/folder-objects.ts'
import { SessionFiles } from '../src/attachments/session-files.ts'
import { withStoredFiles } from '../src/attachments/stored-files.ts'
import { agentTool, defineAgent, Loom, openMemoryStore, type Store } from '../src/index.ts'
import { openFileStore } from '../src/store/file.ts'
import { openRedisStore } from '../src/store/redis.ts'
import { startRedis } from './redis/redis.ts'
import { until } from './redis/until.ts'
import { calls, says, type Script, scriptedModel } from './scripted-model.ts'
import { Gate, saysWhen } from './sessions/scripts.ts'

const newFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loom-retention-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

const openers = {
  memory: async (): Promise<Store> => openMemoryStore(),
  files: async (): Promise<Store> => openFileStore({ folder: await newFolder() }),
  async Redis(): Promise<Store> {
    const redis = await startRedis()
    onTestFinished(() => redis[Symbol.asyncDispose]())
    return openRedisStore({ url: redis.url })
  },
}

const days = (ms: number) => ms / (24 * 60 * 60 * 1000)
const retentionMs = 300

/** The server looks often, because one agent has a short retention. `expireSoon` gives `brief` the same. */
function openLoom(store: Store, scripts: readonly Script[], isBrief = false) {
  const helper = defineAgent({
    name: 'helper',
    systemPrompt: 'Help.',
    model: scriptedModel(says('Helped.')),
  })
  const fields = { systemPrompt: 'Be brief.', model: scriptedModel(...scripts) }
  const retention = { retentionDays: days(retentionMs) }
  const often = defineAgent({ name: 'often', systemPrompt: 'Look.', ...retention })
  const lasting = defineAgent({ name: 'lasting', systemPrompt: 'Stay.', model: 'demo/echo' })
  const agents = (more = {}) => {
    const tools = [agentTool(helper)]
    return [defineAgent({ name: 'brief', tools, ...fields, ...more }), lasting, often]
  }
  const loom = new Loom({ agents: agents(isBrief ? retention : {}), store })
  onTestFinished(() => loom.close())
  return { loom, expireSoon: () => loom.replaceAgents(agents(retention)) }
}

describe.each(['memory', 'files', 'Redis'] as const)('with %s, a session', (kind) => {
  it('is removed with its tasks, files and schedules, and the audit says so', async () => {
    const folder = await newFolder()
    const files = new SessionFiles(await openFolderObjects(folder))
    const store = withStoredFiles(await openers[kind](), files)
    const { loom, expireSoon } = openLoom(store, [
      calls(['helper', { prompt: 'Help me.' }, 'c1']),
      says('Done.'),
    ])
    const { sessions } = loom
    const [brief, lasting] = [randomUUID(), randomUUID()]
    const picture = Buffer.alloc(20_000, 1).toString('base64')
    await loom.startAgent('lasting', lasting).call('Hello')
    const session = loom.startAgent('brief', brief)
    await session.call({
      id: 'm1',
      role: 'user',
      parts: [
        { type: 'file', mediaType: 'image/png', url: `data:image/png;base64,${picture}` },
        { type: 'text', text: 'Look.' },
      ],
    })
    const [task] = await sessions.tasks(brief, '')
    expect(task?.agent).toBe('helper')
    expect((await readdir(folder, { recursive: true })).length).toBeGreaterThan(2)
    await session.schedule({ after: 3_600_000 }, 'Later.')
    expireSoon()

    await until(10_000, 'the removal', async () => (await sessions.session(brief)) === undefined)
    await until(10_000, 'the event', async () => {
      const { events } = await sessions.auditPage('', { limit: 10 })
      return events.some(({ action, sessionId }) => action === 'expire' && sessionId === brief)
    })
    const { events } = await sessions.auditPage('', { limit: 10 })
    expect(events).toMatchObject([{ action: 'expire', by: {}, agent: 'brief', sessionId: brief }])
    expect(await sessions.messages(brief)).toEqual([])
    expect(await sessions.schedules(brief)).toEqual([])
    expect(await store.session(`${brief}~${task?.id.split('~')[1] ?? ''}`)).toBeUndefined()
    const names = await readdir(folder, { recursive: true })
    expect(names.filter((name) => /[0-9a-f]{64}$/.test(name))).toEqual([])
    const left = (await sessions.list('', { limit: 10 })).sessions
    expect(left.map(({ id }) => id)).toEqual([lasting])
  })
})

it('a session stays while its turn runs', async () => {
  const gate = new Gate('the model')
  const scripts = [saysWhen(gate, 'Slow', 'answer'), says('Again.')]
  const { loom } = openLoom(openMemoryStore(), scripts, true)
  const { sessions } = loom
  const id = randomUUID()
  const answer = loom.startAgent('brief', id).call('Write.')
  await gate.reached()
  const begun = performance.now()
  await until(5000, 'twice the retention', () => performance.now() - begun > 2 * retentionMs)
  expect((await sessions.session(id))?.state).toBe('running')
  gate.open()
  // Its last message is older than the retention, so the session may be gone before the answer was read.
  await answer.catch(() => {})
  await until(10_000, 'the removal', async () => (await sessions.session(id)) === undefined)
})
