/**
 * The `loom` command. The only place that knows the process, this app's agents and its routes: all
 * else is handed what it needs.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { assistant } from '../agents/assistant.ts'
import { coder } from '../agents/coder.ts'
import { researcher } from '../agents/researcher.ts'
import { createApp } from '../routes/app.ts'
import type { Agent } from './agent.ts'
import { readConfig, readRegistryConfig } from './config.ts'
import type { Config } from './config.ts'
import { errorMessage, LoomError } from './error.ts'
import type { Loom } from './loom.ts'
import type { ModelReference, Models } from './model.ts'
import { createModels } from './model/resolve.ts'
import type { SandboxKind } from './sandbox.ts'
import { type AppAgents, chooseAgents, type ChosenAgents } from './server/chosen-agents.ts'
import { errorLog } from './server/error-log.ts'
import { listen, type Listening } from './server/listen.ts'
import { modelTable } from './server/model-table.ts'
import { openLoom } from './server/open-loom.ts'
import { openRegistry } from './server/open-registry.ts'
import { Outage } from './server/outage.ts'
import { attachDefaultLogger } from './telemetry.ts'

const app: AppAgents = {
  harmless: [assistant, researcher],
  acting: { coder },
}

const usage = `Usage: loom serve
       loom models [words]

serve starts the server. Its settings are environment variables, such as
PORT (3000), HOST (127.0.0.1) and LOOM_MODEL (demo/assistant).

models lists the models that are known and hold all the words; without
words, those of providers whose key is set.
`

/** How long `loom models` waits for a newer list. */
const newerListMs = 3000

/** How long turns and streams are given to finish after SIGTERM. */
const graceMs = 10_000

export async function main(program: NodeJS.Process): Promise<void> {
  const [command, ...rest] = program.argv.slice(2)
  if (command === '--help' || command === 'help') {
    program.stdout.write(usage)
    return
  }
  const isKnown = command === 'models' || (command === 'serve' && rest.length === 0)
  if (!isKnown) {
    program.stderr.write(usage)
    program.exitCode = 2
    return
  }
  try {
    await (command === 'models' ? listModels(program, rest.join(' ')) : serve(program))
  } catch (error) {
    // What is wrong with the settings is the user's to mend; a stack would only hide the line.
    const known = error instanceof LoomError
    for (const line of errorMessage(error).split('\n')) program.stderr.write(`loom: ${line}\n`)
    if (!known && error instanceof Error) program.stderr.write(`${error.stack}\n`)
    program.exitCode = 3
  }
}

async function listModels(program: NodeJS.Process, query: string): Promise<void> {
  const leaving = new AbortController()
  const registry = await openRegistry(readRegistryConfig(program.env), { signal: leaving.signal })
  const models = createModels({ environment: program.env, registry })
  // Whoever asks for the list wants the newest; a network that does not answer is no reason to wait.
  const patience = delay(newerListMs, undefined, { signal: leaving.signal }).catch(() => undefined)
  await Promise.race([registry.catalog().then(() => registry.settled()), patience])
  const list = await models.search(query === '' ? { configured: true } : { query })
  program.stdout.write(modelTable(list))
  leaving.abort()
}

async function serve(program: NodeJS.Process): Promise<void> {
  const config = readConfig(program.env)
  const writeLine = (line: string) => program.stderr.write(`${line}\n`)
  const notice = (line: string) => {
    if (config.logLevel !== 'silent') writeLine(`loom: ${line}`)
  }
  const registry = await openRegistry(config, {
    onRefresh(outcome) {
      if (outcome.result !== 'failed' || config.logLevel !== 'debug') return
      writeLine(`[loom] models.dev: ${errorMessage(outcome.error)}`)
    },
  })
  const models = createModels({ environment: program.env, registry })
  const chosen = await chooseAgents(app, { config, environment: program.env, notice })
  const { agents } = chosen
  const references = referencesIn(config, agents)
  for (const reference of references) await models.resolve(reference)
  if (config.logLevel === 'debug') attachDefaultLogger(writeLine)
  const redact = (text: string) => models.redact(text)
  const outage = new Outage()
  const report = errorLog({ logLevel: config.logLevel, redact, writeLine, outage })
  const onBack = () => {
    const awayMs = outage.end()
    if (awayMs !== undefined) notice(`Redis is back after ${Math.ceil(awayMs / 1000)} s.`)
  }
  let ready = true
  const loom = await openLoom({ config, agents, models, report, onBack })
  const { fetch } = createApp({ loom, config, isReady: () => ready })
  const server = await listen(fetch, config)
  program.stdout.write(greeting(server.url, config, chosen))
  void tellDoubts(references, { models, notice })
  await stopSignal(program)
  ready = false
  // A second signal is for someone who does not want to wait.
  await Promise.race([finish(loom, server, config), stopSignal(program)])
  // Work that was aborted may still hold a timer or a socket of its own.
  program.exit()
}

/** The readers here go on reading to the end, at most `graceMs`. */
function finish(loom: Loom, server: Listening, { redisUrl }: Config): Promise<void> {
  const { instance } = loom.sessions
  if (redisUrl === undefined) {
    // What is in this process ends with it: turns are given the time to be done.
    instance.refuse()
    return server.stop(graceMs, instance.idle(AbortSignal.timeout(graceMs)))
  }
  // Turns go to whoever is left, at once. A Redis that is away must not keep the process: what is
  // not handed over is found by others.
  return server.stop(graceMs, instance.drain().catch(loom.report))
}

/** What a callback will say is not known before there is a request. */
function referencesIn(config: Config, agents: readonly Agent[]): ModelReference[] {
  const named = agents.flatMap(({ model = [] }) => (typeof model === 'function' ? [] : model))
  return [config.model, ...named]
}

/** A model that the registry does not know may be new, or a slip: said once, and tried all the same. */
async function tellDoubts(
  references: readonly ModelReference[],
  { models, notice }: { models: Models; notice: (line: string) => void },
): Promise<void> {
  for (const reference of references) {
    const doubt = await models.doubt(reference)
    if (doubt !== undefined) notice(doubt)
  }
}

function greeting(url: string, config: Config, { agents, opened }: ChosenAgents): string {
  const key = config.apiKeys.length === 0 ? '' : ` -H "Authorization: Bearer $LOOM_API_KEY"`
  const others = agents.map(({ name }) => name).filter((name) => name !== config.agent)
  const folder = opened && `  works  in ${opened.workspace.root}, ${confinement[opened.kind]}\n`
  return `Loom is ready: ${url}

  agent  ${config.agent}${others.length === 0 ? '' : ` (and ${others.join(', ')})`}
  model  ${config.model}
${folder ?? ''}  try    curl -N '${url}/api/chat?protocol=text'${key} -d '{"message": "What is 12 * 34?"}'

`
}

const confinement: Readonly<Record<SandboxKind, string>> = {
  bwrap: 'commands confined to it',
  unshare: 'commands confined in part',
  none: 'commands not confined',
}

function stopSignal(program: NodeJS.Process): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = () => {
    program.off('SIGTERM', stop).off('SIGINT', stop)
    resolve()
  }
  program.on('SIGTERM', stop).on('SIGINT', stop)
  return promise
}
