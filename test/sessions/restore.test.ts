/**
 * Backups that are restored while answers run: each sentence of `docs/operations.md#backups` about the state after a restore is
 * checked here.
 */
import { randomUUID } from 'node:crypto'
import { copyFile, cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { openFolderObjects } from '../../src/attachments/folder-objects.ts'
import { SessionFiles } from '../../src/attachments/session-files.ts'
import { withStoredFiles } from '../../src/attachments/stored-files.ts'
import { defineAgent, Loom } from '../../src/index.ts'
import { openFileStore } from '../../src/store/file.ts'
import { startRedis } from '../redis/redis.ts'
import { until } from '../redis/until.ts'
import { says, type Script, scriptedModel } from '../scripted-model.ts'
import { Gate, saysWhen } from './scripts.ts'
import { openStageOn } from './stage.ts'
import { cast, messagesOf, stateOf } from './tab.ts'

it('a Redis that is restored to a moment in mid-answer', async () => {
  await using redis = await startRedis()
  await using stage = await openStageOn(redis.url, { instances: 1 })
  const { url } = stage.instance(0)
  const [done, running, later, deleted] = Array.from({ length: 4 }, () => randomUUID())
  const idle = (of: string, id = '') =>
    until(15_000, `${id} is idle`, async () => (await stateOf(of, id)) === 'idle')
  const textsOf = async (of: string, id = '') => JSON.stringify(await messagesOf(of, id))
  for (const id of [done, deleted]) {
    await cast(url, id ?? '', 'steps: 1')
    await idle(url, id)
  }
  await cast(url, running ?? '', 'steps: 2 hold')
  await until(5000, 'the model holds the answer', () => stage.upstream.held === 1)
  const schedule = { id: 'tea', message: 'steps: 1', after: 600 }
  const posted = await fetch(`${url}/api/chat/${done}/schedules`, {
    method: 'POST',
    body: JSON.stringify(schedule),
  })
  expect(posted.status).toBe(201)

  // The backup.
  const [live, backup] = [join(redis.folder, 'dump.rdb'), join(redis.folder, 'backup.rdb')]
  await redis.client.save()
  await copyFile(live, backup)

  // What happens after it.
  const stream = (of: string, cursor?: string) =>
    fetch(`${of}/api/chat/${running}/stream`, {
      headers: {
        accept: 'text/event-stream',
        ...(cursor !== undefined && { 'last-event-id': cursor }),
      },
    })
  const following = stream(url).then((response) => response.text())
  stage.upstream.letGo()
  const cursor = [...(await following).matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? ''
  await idle(url, running)
  const messageId = randomUUID()
  await cast(url, done ?? '', 'steps: 1', { messageId })
  await cast(url, later ?? '', 'steps: 1')
  expect((await fetch(`${url}/api/chat/${deleted}`, { method: 'DELETE' })).status).toBe(204)
  await until(10_000, 'the scheduled message', async () =>
    (await textsOf(url, done)).includes('"tea:0"'),
  )
  await idle(url, done)
  const before = await redis.client.hget(`loom:{${running}}:session`, 'claim')

  // The restore.
  await stage.instance(0).kill()
  await redis.kill()
  await copyFile(backup, live)
  await redis.restart()
  const { url: again, key } = await stage.start(0)

  // The answer that ran continues, on a new claim, and has one message.
  await until(15_000, 'the takeover', () => stage.upstream.calls.at(-1)?.key === key)
  await idle(again, running)
  const answers = (await messagesOf(again, running ?? '')).filter(
    ({ role }) => role === 'assistant',
  )
  expect(answers).toHaveLength(1)
  const after = await redis.client.hget(`loom:{${running}}:session`, 'claim')
  expect(Number(after)).toBeGreaterThan(Number(before))
  // A page that has read beyond the backup loads the messages.
  expect((await stream(again, cursor)).status).toBe(410)
  // A session that began later is gone, and one that was deleted later is there again.
  expect((await fetch(`${again}/api/chat/${later}`)).status).toBe(404)
  expect((await messagesOf(again, deleted ?? '')).length).toBe(2)
  // A scheduled message that was due meanwhile is delivered again, once.
  await until(10_000, 'the scheduled message', async () =>
    (await textsOf(again, done)).includes('"tea:0"'),
  )
  await idle(again, done)
  const ids = (await messagesOf(again, done ?? '')).map(({ id }) => id)
  expect(ids.filter((id) => id === 'tea:0')).toHaveLength(1)
  // A message that was accepted later is gone, and its client may send it again.
  expect(ids).not.toContain(messageId)
  await cast(again, done ?? '', 'steps: 1', { messageId })
  await idle(again, done)
  expect((await messagesOf(again, done ?? '')).map(({ id }) => id)).toContain(messageId)
})

it('a copy of the folder of a running server, and of its files', async () => {
  const root = await mkdtemp(join(tmpdir(), 'loom-backup-'))
  onTestFinished(() => rm(root, { recursive: true }))
  const at = (name: string) => join(root, name)
  const open = async (name: string, ...scripts: Script[]) => {
    const files = new SessionFiles(await openFolderObjects(at(`${name}-files`)))
    const store = withStoredFiles(await openFileStore({ folder: at(name) }), files)
    const model = scriptedModel(...scripts)
    const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model })
    const loom = new Loom({ agents: [agent], store, heartbeatMs: 300 })
    onTestFinished(() => loom.close())
    return { loom, model, session: (id: string) => loom.startAgent('tutor', id) }
  }
  const [gate, id] = [new Gate('the first words'), randomUUID()]
  const here = await open('live', saysWhen(gate, 'Half', ' and half.'), says('Later.'))
  const data = Buffer.alloc(20_000, 1).toString('base64')
  const running = here.session(id).call({
    id: 'm1',
    role: 'user',
    parts: [{ type: 'file', mediaType: 'image/png', url: `data:image/png;base64,${data}` }],
  })
  await gate.reached()
  await until(5000, 'the first words', async () => {
    const { turn } = (await here.loom.sessions.session(id)) ?? {}
    const partial = turn && (await here.loom.sessions.partialAnswer(id, turn.logId))
    return JSON.stringify(partial).includes('Half')
  })

  // The sessions first, because each file is stored before the message that names it. The lock names a process that lives.
  await cp(at('live'), at('copy'), {
    recursive: true,
    filter: (path) => basename(path) !== 'lock',
  })
  await cp(at('live-files'), at('copy-files'), { recursive: true })
  gate.open()
  await running
  await here.session(id).call('And later?')

  const there = await open('copy', says(' The rest.'))
  await there.loom.sessions.start()
  await until(15_000, 'the end of the answer', async () => {
    return (await there.loom.sessions.session(id))?.state === 'idle'
  })
  const texts = JSON.stringify(await there.session(id).messages())
  expect(texts).toContain('The rest.')
  expect(texts).not.toContain('And later?')
  expect(JSON.stringify(there.model.asked[0]?.prompt)).toContain(data)
})
