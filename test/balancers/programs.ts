/** nginx and HAProxy with the files of `examples/balancer/` and other addresses. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { libraryFolders, unpackedDebian } from '../debian.ts'
import { freePort, localhost } from '../redis/server.ts'
import { until } from '../redis/until.ts'

export interface RunningBalancer extends AsyncDisposable {
  url: string
}

export type BalancerKind = 'nginx' | 'haproxy'

const run = promisify(execFile)

/** The packages that they need beyond a bare Debian. */
const packages: Readonly<Record<BalancerKind, readonly string[]>> = {
  nginx: ['nginx', 'libpcre2-8-0', 'libssl3'],
  haproxy: [
    'haproxy',
    'liblua5.3-0',
    'libopentracing-c-wrapper0',
    'libopentracing1',
    'libpcre2-8-0',
    'libssl3',
  ],
}

interface Program {
  command: string
  env: NodeJS.ProcessEnv
}

async function programOf(kind: BalancerKind): Promise<Program> {
  const installed = { command: `/usr/sbin/${kind}`, env: process.env }
  if (await runs(installed)) return installed
  const root = await unpackedDebian(kind, packages[kind])
  const folders = await libraryFolders(root)
  const env = { ...process.env, LD_LIBRARY_PATH: folders.join(':') }
  const unpacked = { command: join(root, 'usr/sbin', kind), env }
  if (await runs(unpacked)) return unpacked
  throw new Error(`${unpacked.command} does not run: install ${kind} (apt-get install ${kind}).`)
}

const runs = ({ command, env }: Program): Promise<boolean> =>
  run(command, ['-v'], { env }).then(
    () => true,
    () => false,
  )

const shipped = (name: string) =>
  readFile(new URL(`../../examples/balancer/${name}`, import.meta.url), 'utf8')

/** Replaces an address in a file. A file without that address is not the file that is tested. */
function replaced(text: string, changes: readonly (readonly [from: string, to: string])[]): string {
  return changes.reduce((all, [from, to]) => {
    if (!all.includes(from)) throw new Error(`The balancer file has no ${JSON.stringify(from)}.`)
    return all.replace(from, to)
  }, text)
}

/** @param ports of the servers behind the balancer, two or more */
export async function startBalancer(
  kind: BalancerKind,
  ports: readonly string[],
): Promise<RunningBalancer> {
  await using stack = new AsyncDisposableStack()
  const program = await programOf(kind)
  const folder = await mkdtemp(join(tmpdir(), `loom-${kind}-`))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const args =
    kind === 'nginx' ? await nginxArgs(folder, port, ports) : await haproxyArgs(folder, port, ports)
  const child = spawn(program.command, args, {
    env: program.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => (output = `${output}${String(data)}`.slice(-4000)))
  }
  stack.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    // nginx is one process, so no child process is left behind.
    child.kill('SIGKILL')
    await exit
  })
  const url = `http://${localhost}:${port}`
  await until(10_000, `${kind} passes requests on`, async () => {
    if (child.exitCode !== null) throw new Error(`${kind} ended:\n${output}`)
    return (await fetch(`${url}/healthz`).catch(() => undefined))?.status === 200
  })
  const owned = stack.move()
  return { url, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

async function nginxArgs(folder: string, port: number, ports: readonly string[]) {
  const servers = ports.map((each) => `server ${localhost}:${each} max_fails=0;`)
  const site = replaced(await shipped('nginx.conf'), [
    ['server 127.0.0.1:3001 max_fails=0;', servers.join('\n')],
    ['server 127.0.0.1:3002 max_fails=0;', ''],
    ['listen 3000;', `listen ${localhost}:${port};`],
  ])
  await mkdir(join(folder, 'temporary'))
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/temporary/${name};`,
  )
  const main = `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
    events { worker_connections 1024; }
    http { access_log off; ${paths.join(' ')}
    ${site} }`
  await writeFile(join(folder, 'nginx.conf'), main)
  return ['-p', folder, '-c', join(folder, 'nginx.conf')]
}

async function haproxyArgs(folder: string, port: number, ports: readonly string[]) {
  const servers = ports.map((each, index) => `server s${index} ${localhost}:${each}`)
  const file = replaced(await shipped('haproxy.cfg'), [
    ['server one 127.0.0.1:3001', servers.join('\n  ')],
    ['server two 127.0.0.1:3002', ''],
    ['bind :3000', `bind ${localhost}:${port}`],
  ])
  await writeFile(join(folder, 'haproxy.cfg'), file)
  return ['-db', '-f', join(folder, 'haproxy.cfg')]
}
