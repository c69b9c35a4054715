/** Acts during an outage of the store: the error log has the events that the audit lacks. */
import { expect, it, onTestFinished } from 'vitest'

import { createApp } from '../../routes/app.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { LoomError } from '../../src/ground/error.ts'
import { Loom, openMemoryStore } from '../../src/index.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { says, scriptedModel } from '../scripted-model.ts'

const full = () => Promise.reject(new LoomError('unavailable', 'Redis is full.'))

function open(faults: object) {
  const lines: string[] = []
  const store = Object.assign(openMemoryStore(), faults)
  const model = scriptedModel(says('Hello.'))
  const loom = new Loom({
    agents: [defineAgent({ name: 'assistant', systemPrompt: 'Be kind.', model })],
    store,
    report: errorLog({
      logLevel: 'info',
      redact: (text) => text,
      writeLine: (line) => lines.push(line),
    }),
  })
  onTestFinished(() => loom.close())
  const config = readConfig({ LOOM_API_KEYS: 'acme:the-key-of-acme' })
  const app = createApp({ loom, config })
  const ask = (method: string, path: string, body?: object) =>
    app.request(path, {
      method,
      headers: { host: 'localhost', authorization: 'Bearer the-key-of-acme' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { ask, lines, report: loom.report }
}

it('each event that the store does not take is in the error log', async () => {
  const { ask, lines, report } = open({ noteAudit: full })
  // The first line of the outage, after which others are left out.
  report(new LoomError('unavailable', 'Redis is full.'))
  expect((await ask('POST', '/api/tokens', { subject: 'ada' })).status).toBe(201)
  const erasure = { subject: 'ada', confirm: 'ada' }
  expect((await ask('POST', '/api/admin/erase', erasure)).status).toBe(200)
  expect(lines).toEqual([
    'loom: unavailable: Redis is full.',
    expect.stringContaining('{"action":"token","subject":"ada","by":{}}. Cause: Redis is full.'),
    expect.stringMatching(/"action":"erase","subjectDigest":"[0-9a-f]{64}","by":\{\}/),
  ])
})

it('an export that was refused is not in the audit', async () => {
  const { ask } = open({ ownedSessions: full })
  expect((await ask('GET', '/api/admin/export')).status).toBe(503)
  expect(await (await ask('GET', '/api/admin/audit')).json()).toMatchObject({ events: [] })
})
