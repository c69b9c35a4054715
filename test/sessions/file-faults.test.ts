/** One server whose disk fails while it answers, and the next one on the same folder. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { expect, it } from 'vitest'

import { within } from '../deadline.ts'
import { freePort } from '../redis/free-port.ts'
import { until } from '../redis/until.ts'
import type { DiskFaults } from '../store/disk-faults.ts'
import { openStageOn } from './stage.ts'
import { expectWhole, untilIdle } from './staged-turn.ts'
import { cast, messagesOf, openTab, post } from './tab.ts'
import { userMessage } from './world.ts'

const faultsModule = pathToFileURL(join(import.meta.dirname, '../store/disk-faults.ts')).href
/** In milliseconds. */
const patience = 3000

/** A server with files, and a disk that fails as the test says. */
async function openFailingStage() {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'loom-disk-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const control = join(folder, 'faults.json')
  const fail = (faults: DiskFaults) => writeFile(control, JSON.stringify(faults))
  await fail({})
  const environment = {
    REDIS_URL: '',
    PORT: String(await freePort()),
    LOOM_DATA: join(folder, 'data'),
    LOOM_REDIS_PATIENCE: String(patience),
    NODE_OPTIONS: `--import=${faultsModule}`,
    LOOM_DISK_FAULTS: control,
  }
  const stage = stack.use(await openStageOn('', { instances: 1, paceMs: 6, environment }))
  const owned = stack.move()
  return { ...stage, fail, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const readiness = async (url: string) => (await fetch(`${url}/readyz`)).status

it('a full disk is shown, loses nothing, and ends no answer', async () => {
  await using stage = await openFailingStage()
  const { url } = stage.instance(0)
  const errors = () => stage.instance(0).errors()
  const [chatId, other, held] = [randomUUID(), randomUUID(), randomUUID()]
  let seen = 0
  const answer = openTab({ urls: [url] }).send(chatId, 'steps: 6', { onChunk: () => seen++ })
  await until(20_000, 'the answer is under way', () => seen > 20)
  await stage.fail({ write: { code: 'ENOSPC', after: 40 } })
  const refused = await post(url, other, 'steps: 1', { messageId: 'again' })
  expect([refused.status, refused.headers.get('retry-after'), await refused.text()]).toEqual([
    503,
    '1',
    expect.stringContaining('The disk of the server is full, so nothing was stored.'),
  ])
  await until(20_000, 'it is not ready', async () => (await readiness(url)) === 503)
  expect((await fetch(`${url}/api/chat/${other}`)).status).toBe(404)
  await stage.fail({})
  await until(20_000, 'it is ready', async () => (await readiness(url)) === 200)
  const whole = await answer.message
  await untilIdle(url, chatId)
  expect(whole).toEqual((await messagesOf(url, chatId)).at(-1))
  if (whole !== undefined) expectWhole(whole, 6)
  await cast(url, other, 'steps: 1', { messageId: 'again' })
  await untilIdle(url, other)
  expect((await messagesOf(url, other)).map(({ role }) => role)).toEqual(['user', 'assistant'])
  await until(20_000, 'a line of the failure', () => errors().includes('ENOSPC'))
  expect(errors()).toMatch(/^loom: The disk takes writes again after \d+ s\.$/m)
  expect(errors()).not.toContain('internal')
  expect(errors().trim().split('\n').length).toBeLessThan(10)

  // The disk stays full for longer than the patience: no client takes the part for the whole.
  const response = await fetch(`${url}/api/chat`, {
    method: 'POST',
    body: JSON.stringify({ id: held, messages: [userMessage('steps: 4, hold at 2')] }),
  })
  await until(20_000, 'the model waits', () => stage.upstream.held === 1)
  await stage.fail({ write: { code: 'ENOSPC' } })
  stage.upstream.letGo()
  await expect(within(30_000, 'the end of the stream', response.text())).rejects.toThrow()
  await stage.instance(0).kill()
  await stage.fail({})
  await stage.start(0)
  await untilIdle(url, held)
  const [, stored] = await messagesOf(url, held)
  if (stored === undefined) throw new Error('no answer was stored')
  expectWhole(stored, 4)
  for (const id of [chatId, other]) expect(await messagesOf(url, id)).toHaveLength(2)
})
