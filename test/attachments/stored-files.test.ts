/** Files of messages in a folder or a bucket: the history has their addresses, and the model gets their content. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { FileUIPart, UIMessage } from 'ai'
import { describe, expect, it, onTestFinished } from 'vitest'

import { openFolderObjects } from '../../src/attachments/folder-objects.ts'
import { SessionFiles } from '../../src/attachments/session-files.ts'
import { withStoredFiles } from '../../src/attachments/stored-files.ts'
import { readConfig } from '../../src/config.ts'
import { defineAgent } from '../../src/index.ts'
import { openMemoryStore } from '../../src/store/memory.ts'
import { says, scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'
import { storeContract } from '../store/contract.ts'
import { converse, letter } from '../store/conversation.ts'
import { credentials, openS3Server } from './s3-server.ts'

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'loom-files-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

interface Place {
  environment: Record<string, string>
  /** The number of stored files, without the marks of sessions. */
  count: () => Promise<number>
}

const places = {
  async folder(): Promise<Place> {
    const folder = await newFolder()
    const names = async () => readdir(folder, { recursive: true })
    return {
      environment: { LOOM_FILES: folder },
      count: async () => (await names()).filter((name) => /[0-9a-f]{64}$/.test(name)).length,
    }
  },
  async bucket(): Promise<Place> {
    const server = await openS3Server()
    onTestFinished(async () => {
      await server[Symbol.asyncDispose]()
      expect(server.refused).toEqual([])
    })
    return {
      environment: {
        LOOM_FILES: 's3://loom-test/files/of-tests',
        LOOM_FILES_ENDPOINT: server.endpoint,
        LOOM_FILES_REGION: credentials.region,
        LOOM_FILES_KEY_ID: credentials.keyId,
        LOOM_FILES_SECRET_KEY: credentials.secretKey,
      },
      count: async () =>
        [...server.objects.keys()].filter((key) => /[0-9a-f]{64}$/.test(key)).length,
    }
  },
}

const key = { ada: 'key-of-ada', eve: 'key-of-eve' }

const contentOf = (letter: string) =>
  Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from(letter.repeat(30_000))])
const base64Of = (letter: string) => contentOf(letter).toString('base64')
const fileOf = (letter: string) => ({ mediaType: 'image/png', filename: `${letter}.png` })
const png = (letter: string) => ({
  type: 'file' as const,
  mediaType: 'image/png',
  filename: `${letter}.png`,
  url: `data:image/png;base64,${base64Of(letter)}`,
})

async function openServer({ environment }: Place) {
  const model = scriptedModel(...Array.from({ length: 9 }, (_, at) => says(`Answer ${at}.`)))
  const agent = defineAgent({ name: 'viewer', systemPrompt: 'Look.', model })
  const server = await openServed([agent], {
    LOOM_STORE: 'memory',
    LOOM_API_KEYS: `ada:${key.ada},eve:${key.eve}`,
    ...environment,
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const call = (
    path: string,
    init: { method?: string; body?: string; headers?: Record<string, string> } = {},
    credential = key.ada,
  ) =>
    fetch(server.url + path, {
      ...init,
      headers: {
        authorization: `Bearer ${credential}`,
        accept: 'application/json',
        ...init.headers,
      },
    })
  const post = async (body: object) => {
    const response = await call('/api/chat', { method: 'POST', body: JSON.stringify(body) })
    expect(response.status, await response.clone().text()).toBe(200)
  }
  const partsOf = async (id: string): Promise<{ type: string; url?: string }[]> => {
    const [message] = JSON.parse(await (await call(`/api/chat/${id}/messages`)).text())
    return message.parts
  }
  const urlOf = async (id: string) =>
    (await partsOf(id)).find(({ type }) => type === 'file')?.url ?? ''
  const lastPrompt = () => JSON.stringify(model.asked.at(-1)?.prompt)
  return { server, call, post, urlOf, lastPrompt }
}

const message = (id: string, ...files: FileUIPart[]): UIMessage => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text: 'What is this?' }, ...files],
})

describe.each(['folder', 'bucket'] as const)('files in a %s', (name) => {
  it('are addresses in the history, content for the model, and go with their session', async () => {
    const place = await places[name]()
    const { call, post, urlOf, lastPrompt } = await openServer(place)
    await post({ id: 'c', message: message('m1', png('a')) })
    const url = await urlOf('c')
    expect(url).toMatch(/^\/api\/chat\/c\/files\/[0-9a-f]{64}$/)
    expect(lastPrompt()).toContain(base64Of('a'))
    await post({ id: 'c', message: 'And now?' })
    expect(lastPrompt()).toContain(base64Of('a'))

    const found = await call(url)
    expect(Buffer.from(await found.arrayBuffer())).toEqual(contentOf('a'))
    expect(Object.fromEntries(found.headers)).toMatchObject({
      'content-type': 'image/png',
      'content-disposition': `inline; filename*=UTF-8''a.png`,
      'x-content-type-options': 'nosniff',
      'cache-control': 'private, no-cache',
    })
    const etag = found.headers.get('etag') ?? ''
    expect((await call(url, { headers: { 'if-none-match': etag } })).status).toBe(304)
    expect((await call(url, {}, key.eve)).status).toBe(404)
    expect((await fetch(new URL(url, found.url))).status).toBe(401)

    // A fork has files of its own.
    await call('/api/chat/c/fork', { method: 'POST', body: JSON.stringify({ id: 'copy' }) })
    expect(await place.count()).toBe(2)
    const lines = (await (await call('/api/admin/export')).text()).trimEnd().split('\n')
    const exported = lines.toSorted().map((line) => JSON.parse(line))
    expect(exported.map(({ session, files }) => [session.id, files])).toEqual(
      ['c', 'copy'].map((id) => [
        id,
        [{ url: url.replace('/c/', `/${id}/`), ...fileOf('a'), data: base64Of('a') }],
      ]),
    )
    expect(exported[0].messages).toHaveLength(4)
    expect((await call('/api/chat/c', { method: 'DELETE' })).status).toBe(204)
    expect((await call(url)).status).toBe(404)
    const copied = await urlOf('copy')
    expect(copied).toMatch(/^\/api\/chat\/copy\/files\//)
    expect(Buffer.from(await (await call(copied)).arrayBuffer())).toEqual(contentOf('a'))
    await post({ id: 'copy', message: 'Still there?' })
    expect(lastPrompt()).toContain(base64Of('a'))
    const erase = { tenant: 'ada', confirm: 'ada' }
    const erased = await call('/api/admin/erase', { method: 'POST', body: JSON.stringify(erase) })
    expect(await erased.json()).toMatchObject({ complete: true })
    expect(await place.count()).toBe(0)
  })

  it('stay when a page edits the message with the address of its file', async () => {
    const { call, post, urlOf, lastPrompt } = await openServer(await places[name]())
    await post({ id: 'c', message: message('m1', png('b')) })
    const url = await urlOf('c')
    const edited = message('m1', { ...png('b'), url })
    edited.parts[0] = { type: 'text', text: 'Look again.' }
    await post({ id: 'c', messageId: 'm1', messages: [edited] })
    expect(lastPrompt()).toContain('Look again.')
    expect(lastPrompt()).toContain(base64Of('b'))
    expect(await urlOf('c')).toBe(url)
    const forged = message('m2', { ...png('b'), url: url.replace('/c/', '/other/') })
    const refused = await call('/api/chat', {
      method: 'POST',
      body: JSON.stringify({ id: 'c', message: forged }),
    })
    expect(refused.status).toBe(400)
    const direct = message('m3', { ...png('b'), url: `loom-file:${url.slice(-64)}` })
    const unknown = await call('/api/chat', {
      method: 'POST',
      body: JSON.stringify({ id: 'other', message: direct }),
    })
    expect(unknown.status).toBe(400)
  })

  it('of expired sessions are swept, and those of others stay', async () => {
    const place = await places[name]()
    const { post, server } = await openServer(place)
    await post({ id: 'c', message: message('m1', png('c')) })
    await post({ id: 'kept', message: message('m1', png('c')) })
    const { files: config } = readConfig(place.environment)
    if (config === undefined) throw new Error('the settings name no place')
    const objects =
      config.kind === 'folder'
        ? await openFolderObjects(config.folder)
        : await (await import('../../src/attachments/s3-objects.ts')).openS3Objects(config)
    const files = new SessionFiles(objects)
    const isThere = async (id: string) =>
      !id.endsWith('/c') && (await server.loom.sessions.session(id)) !== undefined
    expect(await files.sweep(isThere, 0)).toBe(0)
    expect(await files.sweep(isThere, Date.now() + 1000)).toBe(1)
    expect(await place.count()).toBe(1)
  })
})

describe('a file', () => {
  it('that a browser could run is a download, and a small one stays in the message', async () => {
    const { call, post, urlOf } = await openServer(await places.folder())
    const svg = `<svg xmlns="http://www.w3.org/2000/svg">${'<!-- -->'.repeat(2000)}</svg>`
    const file = {
      type: 'file' as const,
      mediaType: 'image/svg+xml',
      filename: 'a"b\r\nü.svg',
      url: `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`,
    }
    await post({ id: 'c', message: message('m1', file) })
    const found = await call(await urlOf('c'))
    expect(await found.text()).toBe(svg)
    expect(found.headers.get('content-disposition')).toBe(
      `attachment; filename*=UTF-8''a%22b%0D%0A%C3%BC.svg`,
    )
    expect(found.headers.get('content-security-policy')).toContain('sandbox')
    const small = { ...png('d'), url: 'data:image/png;base64,iVBORw0KGgo=' }
    await post({ id: 'small', message: message('m1', small) })
    expect(await urlOf('small')).toBe(small.url)
  })

  it('that is missing is named to the model, and the conversation goes on', async () => {
    const folder = await newFolder()
    const files = new SessionFiles(await openFolderObjects(folder))
    const store = withStoredFiles(openMemoryStore(), files)
    const talk = converse(store)
    await talk.turn(letter('m1', { message: message('m1', png('e')) }))
    await files.remove(talk.id)
    const [first] = (await store.context(talk.id)).messages
    expect(first?.parts[1]).toEqual({
      type: 'text',
      text: '[The file "e.png" is not stored any more.]',
    })
  })
})

describe('the place of files', () => {
  it('is refused at the start if it cannot be used', async () => {
    const agent = defineAgent({ name: 'a', systemPrompt: '', model: scriptedModel() })
    const start = (environment: Record<string, string>) =>
      openServed([agent], { LOOM_STORE: 'memory', ...environment })
    await expect(start({ LOOM_FILES: '/dev/null/files' })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('LOOM_FILES=/dev/null/files cannot be written'),
    })
    const server = await openS3Server()
    onTestFinished(() => server[Symbol.asyncDispose]())
    const bucket = {
      LOOM_FILES: 's3://loom-test',
      LOOM_FILES_ENDPOINT: server.endpoint,
      LOOM_FILES_KEY_ID: credentials.keyId,
      LOOM_FILES_REGION: credentials.region,
    }
    await expect(start(bucket)).rejects.toMatchObject({
      message: expect.stringContaining('LOOM_FILES_SECRET_KEY'),
    })
    await expect(start({ ...bucket, LOOM_FILES_SECRET_KEY: 'wrong' })).rejects.toMatchObject({
      code: 'invalid-config',
      message: expect.stringContaining('status 403'),
    })
    expect(() => readConfig({ LOOM_FILES: 's3://Bad Bucket' })).toThrow(/s3:\/\/bucket/)
  })
})

describe('a store with its files apart', () => {
  storeContract(
    async (bounds) => {
      const folder = await mkdtemp(join(tmpdir(), 'loom-files-'))
      const store = openMemoryStore(bounds)
      const files = new SessionFiles(await openFolderObjects(folder))
      return {
        ...withStoredFiles(store, files),
        async close() {
          await store.close()
          await rm(folder, { recursive: true })
        },
      }
    },
    { runs: 5 },
  )
})
