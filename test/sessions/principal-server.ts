/**
 * A separate program with the sessions of its users: headers name the user and the role, and the tools and
 * the prompt of its agent depend on the role.
 */
import { type Context, Hono } from 'hono'
import { z } from 'zod'

import { sessionRoutes } from '../../routes/session.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { listen } from '../../src/server/listen.ts'
import { openLoom } from '../../src/server/open-loom.ts'
import type { NamedTool } from '../../src/tool.ts'

const tool = (name: string, more: Partial<NamedTool> = {}): NamedTool => ({
  name,
  description: name,
  inputSchema: z.looseObject({}),
  retry: 'safe',
  execute: (_, { context, principal, sessionId }) => ({ context, principal, sessionId }),
  ...more,
})
/** The client answers it. */
const question: NamedTool = {
  name: 'ask',
  description: 'Asks the human.',
  inputSchema: z.looseObject({}),
}

const clerk = defineAgent({
  name: 'clerk',
  systemPrompt: (context) => JSON.stringify(context),
  tools: (context) => {
    const isAdmin = z.object({ role: z.literal('admin') }).safeParse(context).success
    const all = [question, tool('look')]
    return isAdmin ? [...all, tool('remove', { needsApproval: true })] : all
  },
})

const config = readConfig({ ...process.env, LOOM_AGENT: 'clerk' })
const models = createModels({ environment: process.env })
const report = errorLog({
  logLevel: config.logLevel,
  redact: (text) => models.redact(text),
  writeLine: (line) => process.stderr.write(`${line}\n`),
})
const loom = await openLoom({ config, agents: [clerk], models, report })
const rules = {
  principalOf: (c: Context) => c.req.header('x-user'),
  contextOf: (c: Context) => {
    const role = c.req.header('x-role')
    return role === undefined ? undefined : { role }
  },
}
const app = new Hono().route('/api', sessionRoutes(loom, rules))
const { url } = await listen(app.fetch, config)
process.stdout.write(`Loom is ready: ${url}\n`)
