/** A separate program that serves the door of `docs/doors.md`, and the routes of sessions beside it. */
import { Hono } from 'hono'

import { sessionRoutes } from '../../routes/session.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import type { Loom } from '../../src/loom.ts'
import { createModels } from '../../src/model/resolve.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { listen } from '../../src/server/listen.ts'
import { openLoom } from '../../src/server/open-loom.ts'

interface LinesDoor {
  linesRoutes: (loom: Loom) => Hono
}

const config = readConfig({ ...process.env, LOOM_AGENT: 'teller' })
const models = createModels({ environment: process.env })
const report = errorLog({
  logLevel: config.logLevel,
  redact: (text) => models.redact(text),
  writeLine: (line) => process.stderr.write(`${line}\n`),
})
const agents = [defineAgent({ name: 'teller', systemPrompt: 'Tell.' })] as const
const loom = await openLoom({ config, agents, models, report })
const { linesRoutes }: LinesDoor = await import(process.argv[3] ?? '')
const app = new Hono().route('/api', sessionRoutes(loom)).route('/', linesRoutes(loom))
const { url } = await listen(app.fetch, config)
process.stdout.write(`Loom is ready: ${url}\n`)
