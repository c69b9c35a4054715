/** A damaged file leaves a copy for its rescue. The copy has the texts of the session and must go with it. */
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Hono } from 'hono'
import { expect, it } from 'vitest'

import { enforceAccess } from '../../routes/access.ts'
import { adminRoutes } from '../../routes/admin.ts'
import { answerError } from '../../routes/errors.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { Loom, type Store } from '../../src/index.ts'
import { scriptedModel } from '../scripted-model.ts'
import { converse, letter } from '../store/conversation.ts'
import { newFolder, openFolder } from '../store/stored-folder.ts'

const owner = { tenant: 'acme', subject: 'ada' }
const erasure = { subject: 'ada', confirm: 'ada' }

/** A folder with a session of three messages. The first one or a later one is damaged. */
async function damagedFolder(at: 'begin' | 'middle') {
  const folder = await newFolder()
  const store = await openFolder(folder, { report: () => {} })
  const talk = converse(store, '@acme/plan')
  await talk.turn(letter('m1'), owner)
  const name = `${createHash('sha256').update(talk.id).digest('hex')}.session`
  const path = join(folder, 'sessions', name)
  const { length } = await readFile(path)
  await talk.turn(letter('m2'), owner)
  await talk.turn(letter('m3'), owner)
  await store.close()
  const bytes = await readFile(path)
  bytes.fill(0, at === 'begin' ? 2 : length + 20, at === 'begin' ? 6 : length + 60)
  await writeFile(path, bytes)
  return { folder, name }
}

async function openAdmin(folder: string) {
  const store: Store = await openFolder(folder, { report: () => {} })
  const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: scriptedModel() })
  const loom = new Loom({ agents: [agent], store })
  const app = new Hono()
  app.onError((error, c) => answerError(error, c, loom))
  app.use(enforceAccess(() => ({ tenant: 'acme', subject: 'root', scopes: ['admin'] })))
  adminRoutes(app, loom, readConfig({}))
  return {
    store,
    ask: async (method: string, path: string, body?: object) => {
      const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) }
      const response = await app.request(`/api/admin${path}`, init)
      return { status: response.status, text: await response.text() }
    },
    files: () => readdir(join(folder, 'sessions')),
  }
}

it('an erasure removes the copy of a damaged file', async () => {
  const { folder, name } = await damagedFolder('middle')
  const { store, ask, files } = await openAdmin(folder)
  expect(await store.messages('@acme/plan')).toHaveLength(2)
  expect(await files()).toContain(`${name}.damaged`)
  const { status, text } = await ask('POST', '/erase', erasure)
  expect([status, JSON.parse(text)]).toEqual([
    200,
    expect.objectContaining({ sessions: 1, left: 0, complete: true }),
  ])
  expect(await files()).toEqual([])
})

it('a deletion removes the copy of a damaged file', async () => {
  const { folder, name } = await damagedFolder('middle')
  const { store, ask, files } = await openAdmin(folder)
  expect(await store.messages('@acme/plan')).toHaveLength(2)
  expect((await ask('DELETE', '/sessions/plan')).status).toBe(204)
  // The file has only the mark of the deletion.
  expect(await files()).toEqual([name])
})

it('a start removes the copy of a deleted session', async () => {
  const { folder, name } = await damagedFolder('middle')
  const { store, ask, files } = await openAdmin(folder)
  expect((await ask('DELETE', '/sessions/plan')).status).toBe(204)
  await store.close()
  await writeFile(join(folder, 'sessions', `${name}.damaged`), 'the text')
  await openAdmin(folder)
  expect(await files()).toEqual([name])
})

it('an erasure is not complete while a copy that names no owner is there', async () => {
  const { folder, name } = await damagedFolder('begin')
  const { store, ask, files } = await openAdmin(folder)
  expect(await store.messages('@acme/plan')).toEqual([])
  expect(await files()).toEqual([`${name}.damaged`])
  const { text } = await ask('POST', '/erase', erasure)
  expect(JSON.parse(text)).toMatchObject({ sessions: 0, left: 1, complete: false })
})
