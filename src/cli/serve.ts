/** `loom serve`: runs the server until a signal stops it. */
import { setTimeout as delay } from 'node:timers/promises'

import { type Config, readConfig } from '../config.ts'
import { needsCredential } from '../config/access.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import { attachDefaultLogger } from '../ground/telemetry.ts'
import { keepRunning } from '../ground/unhandled-failures.ts'
import type { Loom } from '../loom.ts'
import type { SandboxKind } from '../machine/sandbox/options.ts'
import type { ModelReference, Models } from '../model.ts'
import { networkFetch } from '../model/network.ts'
import { createModels } from '../model/resolve.ts'
import type { ChosenAgents } from '../server/chosen-agents.ts'
import { errorLog } from '../server/error-log.ts'
import { InstanceReport } from '../server/instance-report.ts'
import { listen, type Listening } from '../server/listen.ts'
import type { Metrics } from '../server/metrics.ts'
import { openLoom } from '../server/open-loom.ts'
import { openRegistry } from '../server/open-registry.ts'
import { type OpenedStore, openStore } from '../server/open-store.ts'
import { openServerTraces } from '../server/open-traces.ts'
import { Outage } from '../server/outage.ts'
import { openServerLog } from '../server/server-log.ts'
import { warmUp } from '../warm-up.ts'
import { checkModels, modelsOf } from './agent-models.ts'
import { openAgents } from './agent-source.ts'
import { projectOf } from './app-names.ts'
import type { CommandWorld } from './app.ts'
import { readEnvFile } from './env-file.ts'
import { exitCodes } from './exit-code.ts'
import { firstQuestion } from './first-question.ts'

export interface ServeOptions {
  /** Files and folders with agents. None: `./agents`, or Loom's own agents where it does not exist. */
  paths: readonly string[]
  /** Loads the agents again when one of their files changes. @defaultValue false */
  isDev?: boolean
  /** A file with settings. @defaultValue `.env` of the current folder if `isDev` and it exists, else none */
  envFile?: string | undefined
}

/** @throws LoomError `invalid-config` for every reason that prevents the start of the server */
export async function serve(world: CommandWorld, options: ServeOptions): Promise<number> {
  const { program, app } = world
  const { envFile: named, isDev = false } = options
  const settingsLine = await readEnvFile(program, { named, isDev })
  const config = readConfig(program.env)
  const warm = warmUp()
  // Awaited below. A bad setting is reported before a failure of the warm-up.
  warm.catch(() => undefined)
  // Keys are read below, before the first line that could have one.
  const redact = (text: string) => models.redact(text)
  const log = await openServerLog({ config, stderr: program.stderr, redact })
  const { notice } = log
  if (settingsLine !== undefined) notice(settingsLine)
  if (program.env['LOOM_API_KEY'] !== undefined && !needsCredential(config)) {
    notice(
      'LOOM_API_KEY is the key that the loom command sends. This server asks for no key: set LOOM_API_KEYS.',
    )
  }
  const traces = await openServerTraces(config, {
    version: app.version,
    onFailure: (text) => notice(redact(text)),
  })
  const registry = await openRegistry(config, {
    fetch: networkFetch(program.env),
    onRefresh(outcome) {
      if (outcome.result !== 'failed' || config.logLevel !== 'debug') return
      log.debug(`[loom] models.dev: ${errorMessage(outcome.error)}`)
    },
  })
  const models = createModels({ environment: program.env, registry })
  const outage = new Outage()
  const report = errorLog({ logLevel: config.logLevel, redact, writeLine: log.error, outage })
  // Before the files of the user are loaded.
  keepRunning(program, report)
  const { env: environment } = program
  const project = await projectOf(world)
  const source = await openAgents({ ...options, project, config, environment, notice })
  const { chosen } = source
  const { agents, defaultAgent } = chosen
  await models.resolve(config.model)
  await checkModels(agents, models)
  if (config.logLevel === 'debug') attachDefaultLogger(log.debug)
  const onBack = () => {
    const awayMs = outage.end()
    const what = config.redisUrl === undefined ? 'The disk takes writes again' : 'Redis is back'
    if (awayMs !== undefined) notice(`${what} after ${Math.ceil(awayMs / 1000)} s.`)
  }
  let ready = true
  const metrics = await metricsFor(config, app)
  const onCommand = metrics?.onCommand
  const storeOptions = { config, report, environment, onBack, onCommand }
  const kept = await openStore(storeOptions).catch((error: unknown) => failAtStart(error, config))
  const limits = await limitsOf(config, report)
  const parts = { config, agents, defaultAgent, models, report, opened: kept, meter: limits }
  const loom = await openLoom(parts).catch((error: unknown) => failAtStart(error, config))
  await warm
  metrics?.observe(loom.sessions)
  const instance = new InstanceReport({
    sessions: loom.sessions,
    version: app.version,
    ttlMs: config.heartbeatMs,
    notice,
    report,
  })
  const watches = [
    ...log.watches,
    instance.watch,
    ...[metrics, traces].flatMap((each) => each?.watch ?? []),
  ]
  if (config.access.jwt?.audiences.length === 0) {
    notice(
      'LOOM_JWT_AUDIENCE is not set: the server accepts every token of this issuer, also those for other services.',
    )
  }
  const fetch = await app.fetch({
    loom,
    config,
    limits,
    isReady: () => ready,
    watches,
    metrics,
    fetch: networkFetch(program.env),
    onAuthenticationFailure({ address, reason, count }) {
      // One line for each doubling, so that an attack does not fill the log.
      if ((count & (count - 1)) !== 0 || config.logLevel === 'error') return
      const times = count === 1 ? '' : ` (${count} times now)`
      notice(`401 for ${address === '' ? 'a caller' : address}${times}: ${reason}`)
    },
  })
  const server = await listen(fetch, config)
  // Before the greeting: a reader of it may send the signal at once.
  const stopped = stopSignal(program)
  const first = agents.find(({ name }) => name === defaultAgent)
  const question = first && (await firstQuestion(first, config.model))
  program.stdout.write(greeting(server.url, config, { ...chosen, place: kept.place, question }))
  void reportDoubts([config.model, ...modelsOf(agents)], { models, notice })
  source.follow(loom, (changed) => checkModels(changed, models)).catch(report)
  await stopped
  source.close()
  ready = false
  // A second signal ends the server without waiting.
  await Promise.race([finish(loom, server, { ...config, ...kept }), stopSignal(program)])
  instance.close()
  limits?.close()
  metrics?.close()
  await traces?.close()
  log.close()
  return exitCodes.done
}

/** The library of the metrics loads only in a server that has them. */
async function metricsFor(
  { metrics }: Pick<Config, 'metrics'>,
  { version }: CommandWorld['app'],
): Promise<Metrics | undefined> {
  if (metrics === 'off') return undefined
  const { openMetrics } = await import('../server/metrics.ts')
  return openMetrics({ version })
}

/** A server without limits does not load them. */
async function limitsOf(config: Config, report: (error: unknown) => void) {
  if (Object.keys(config.quotas).length === 0) return undefined
  const { openLimits } = await import('../server/limits/open-limits.ts')
  return openLimits(config, report)
}

/**
 * If Redis cannot be used at the start, its setting is probably wrong. The operator gets the reply of Redis,
 * which no client gets.
 */
function failAtStart(error: unknown, { redisUrl }: Pick<Config, 'redisUrl'>): never {
  if (!(error instanceof LoomError) || error.code !== 'unavailable') throw error
  const reason = error.cause === undefined ? '' : errorMessage(error.cause)
  const text =
    redisUrl === undefined || error.message.includes(reason)
      ? error.message
      : `Redis refuses the first request of Loom: ${reason} Start the server again when Redis takes writes.`
  throw new LoomError('invalid-config', text, { cause: error })
}

/**
 * Shuts the server down. Its readers read their streams to the end, for at most `LOOM_GRACE_MS`.
 */
async function finish(
  loom: Loom,
  server: Listening,
  { kind, graceMs }: Pick<Config, 'graceMs'> & Pick<OpenedStore, 'kind'>,
): Promise<void> {
  const { sessions } = loom
  if (kind === 'redis') {
    // The turns go to the other instances at once. A Redis that does not answer must not keep the
    // process running: other instances find a turn that was not handed over.
    return server.stop(graceMs, sessions.drain().catch(loom.report))
  }
  // No other process runs the turns now, so they get the grace time to finish.
  sessions.refuse()
  await server.stop(graceMs, sessions.idle(AbortSignal.timeout(graceMs)))
  // The next process on these files continues the others.
  if (kind === 'file') await Promise.race([loom.close().catch(loom.report), delay(closeMs)])
}

/** The longest time that a stuck disk may delay the end, in milliseconds. Nothing is lost by it. */
const closeMs = 5000

/**
 * Reports each model that the registry does not contain. It may be new or a mistake, so it is still
 * used.
 */
async function reportDoubts(
  references: readonly ModelReference[],
  { models, notice }: { models: Models; notice: (line: string) => void },
): Promise<void> {
  for (const reference of references) {
    const doubt = await models.doubt(reference)
    if (doubt !== undefined) notice(doubt)
  }
}

function greeting(
  url: string,
  config: Config,
  {
    agents,
    defaultAgent,
    opened,
    place,
    question = 'Hello!',
  }: ChosenAgents & { place: string; question: string | undefined },
): string {
  const key = credentialHeaders(config)
    .map((header) => ` -H "${header}"`)
    .join('')
  const others = agents.map(({ name }) => name).filter((name) => name !== defaultAgent)
  const folder = opened && `  works  in ${opened.workspace.root}, ${confinement[opened.kind]}\n`
  const body = JSON.stringify({ message: question })
  return `Loom is ready: ${url}

  agent  ${defaultAgent}${others.length === 0 ? '' : ` (and ${others.join(', ')})`}
  model  ${config.model}
  keeps  sessions ${place}
${folder ?? ''}  try    curl -N '${url}/api/chat?protocol=text'${key} -d '${body.replace(':', ': ')}'

`
}

/** The headers of a request that the server accepts. */
function credentialHeaders({ apiKeys, access: { jwt, proxy } }: Config): string[] {
  if (apiKeys.length > 0) return ['Authorization: Bearer $LOOM_API_KEY']
  if (jwt !== undefined) return ['Authorization: Bearer $JWT']
  if (proxy === undefined) return []
  const { secret, secretHeader, subjectHeader, tenantHeader, scopesHeader } = proxy
  return [
    ...(secret === undefined ? [] : [`${secretHeader}: $LOOM_PROXY_SECRET`]),
    `${subjectHeader}: $USER`,
    ...(tenantHeader === undefined ? [] : [`${tenantHeader}: test`]),
    ...(scopesHeader === undefined ? [] : [`${scopesHeader}: chat`]),
  ]
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
