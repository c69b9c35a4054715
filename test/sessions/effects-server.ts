/**
 * A separate program that serves like `loom serve`, with tools that have an effect outside
 * (`ledger.ts`): one for each retry class.
 */
import { z } from 'zod'

import { createApp } from '../../routes/app.ts'
import { defineAgent } from '../../src/agent.ts'
import { readConfig } from '../../src/config.ts'
import { createModels } from '../../src/model/resolve.ts'
import { errorLog } from '../../src/server/error-log.ts'
import { listen } from '../../src/server/listen.ts'
import { openLoom } from '../../src/server/open-loom.ts'
import type { NamedTool } from '../../src/tool.ts'
import { effect, ledger } from './effect-tool.ts'
import type { Point } from './ledger.ts'

const steps: NamedTool = {
  name: 'steps',
  description: 'Charges and sends an invoice.',
  inputSchema: z.looseObject({}),
  retry: 'steps',
  async *execute(_, { idempotencyKey, signal, step }) {
    const tell = async (point: Point, key = idempotencyKey) => {
      const response = await fetch(`${ledger}/${point}?key=${key}`, { signal })
      await response.text()
      return point
    }
    yield 'partial: begun'
    await tell('before')
    const charge = await step('charge', ({ key }) => tell('effect', key))
    await tell('between')
    const invoice = await step('invoice', ({ key }) => tell('second', key))
    yield 'partial: nearly done'
    await tell('done')
    return `worked: ${charge}, ${invoice}`
  },
}

const config = readConfig({ ...process.env, LOOM_AGENT: 'worker' })
const models = createModels({ environment: process.env })
const report = errorLog({
  logLevel: config.logLevel,
  redact: (text) => models.redact(text),
  writeLine: (line) => process.stderr.write(`${line}\n`),
})
const worker = defineAgent({
  name: 'worker',
  systemPrompt: 'Work.',
  tools: [effect('never', 'never'), effect('safe', 'safe'), effect('keyed', 'keyed'), steps],
})
const loom = await openLoom({ config, agents: [worker], models, report })
const { url } = await listen(createApp({ loom, config }).fetch, config)
process.stdout.write(`Loom is ready: ${url}\n`)
