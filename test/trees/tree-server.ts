/**
 * A separate program that serves like `loom serve`: a planner, whose researchers have checkers, with tools
 * that have an effect outside (`../sessions/ledger.ts`), approvals and questions to a human.
 */
import { z } from 'zod'

import { createApp } from '../../routes/app.ts'
import { agentTool } from '../../src/agent-tool.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { listen } from '../../src/server/listen.ts'
import { openLoom } from '../../src/server/open-loom.ts'
import type { NamedTool, RetryClass, ToolContext } from '../../src/tool.ts'
import { human } from '../../tools/human.ts'
import { remind } from '../../tools/remind.ts'
import type { Point } from '../sessions/ledger.ts'

const ledger = process.env['LEDGER_URL'] ?? ''

const inputSchema = z.looseObject({})

async function report(point: Point, key: string, { signal }: Pick<ToolContext, 'signal'>) {
  const response = await fetch(`${ledger}/${point}?key=${encodeURIComponent(key)}`, { signal })
  await response.text()
  return point
}

const effect = (name: string, retry: RetryClass, needsApproval = false): NamedTool => ({
  name,
  description: 'Changes the world.',
  inputSchema,
  retry,
  needsApproval,
  async execute(_, context) {
    await report('before', context.idempotencyKey, context)
    await report('effect', context.idempotencyKey, context)
    await report('done', context.idempotencyKey, context)
    return 'worked'
  },
})

const steps: NamedTool = {
  name: 'steps',
  description: 'Charges and sends an invoice.',
  inputSchema,
  retry: 'steps',
  async execute(_, context) {
    const charge = await context.step('charge', ({ key }) => report('effect', key, context))
    const invoice = await context.step('invoice', ({ key }) => report('second', key, context))
    return `worked: ${charge}, ${invoice}`
  },
}

const config = readConfig({ ...process.env, LOOM_AGENT: 'planner' })
const models = createModels({ environment: process.env })
const tools = [
  effect('never', 'never'),
  effect('safe', 'safe'),
  effect('keyed', 'keyed'),
  effect('pay', 'never', true),
  steps,
  human(),
  remind,
]
const checker = defineAgent({ name: 'checker', systemPrompt: 'Check.', tools })
const researcher = defineAgent({
  name: 'researcher',
  systemPrompt: 'Research.',
  tools: [...tools, agentTool(checker)],
})
const planner = defineAgent({
  name: 'planner',
  systemPrompt: 'Plan.',
  tools: [...tools, agentTool(researcher), agentTool(checker, { name: 'later', background: true })],
})
const loom = await openLoom({
  config,
  agents: [planner],
  models,
  report: errorLog({
    logLevel: config.logLevel,
    redact: (text) => models.redact(text),
    writeLine: (line) => process.stderr.write(`${line}\n`),
  }),
})
const server = await listen(createApp({ loom, config }).fetch, config)
// As `loom serve` does: the turns go to other servers, and the requests are completed.
process.once('SIGTERM', () => {
  const end = server.stop(config.graceMs, loom.sessions.drain())
  void end.finally(() => process.exit())
})
process.stdout.write(`Loom is ready: ${server.url}\n`)
