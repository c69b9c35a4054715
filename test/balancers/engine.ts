/**
 * A Docker engine for one test. Its data, its socket and its network are in a temporary folder and
 * disappear with it. Many machines cannot reach a registry of images. So the images that the
 * Dockerfile and the compose file name are built from Debian's packages and the Node of
 * `node_modules`.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  access,
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { errorMessage } from '../../src/ground/error.ts'
import { root } from '../cli/command.ts'
import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'

const run = promisify(execFile)
const cache = join(root, '.cache')

export interface Engine extends AsyncDisposable {
  /** The environment for `docker` and `docker-compose`. */
  environment: NodeJS.ProcessEnv
  docker: (...words: string[]) => Promise<string>
}

export interface EngineFault {
  /** The reason why no engine runs on this machine. */
  reason: string
  /** True if only programs are missing, which CI must install. */
  isMissing: boolean
}

const programs = ['dockerd', 'docker', 'docker-compose', 'debootstrap', 'iptables', 'ip', 'flock']

/** Returns the programs of an engine that this machine does not have. */
async function missingPrograms(): Promise<string[]> {
  const missing: string[] = []
  for (const program of programs) {
    await run('sh', ['-c', `command -v ${program}`]).catch(() => missing.push(program))
  }
  return missing
}

/**
 * Starts an engine for a moment.
 * @returns the reason why that fails, or undefined
 */
export async function engineFault(): Promise<EngineFault | undefined> {
  if (process.getuid?.() !== 0) return { reason: 'dockerd needs root', isMissing: false }
  const [program] = await missingPrograms()
  if (program !== undefined) {
    const packages = 'docker.io docker-compose debootstrap iptables iproute2'
    return { reason: `${program} is missing (apt-get install ${packages})`, isMissing: true }
  }
  try {
    const engine = await startEngine()
    await engine[Symbol.asyncDispose]()
    return undefined
  } catch (error) {
    return { reason: errorMessage(error), isMissing: false }
  }
}

/**
 * @param data is a folder for images that the next engine uses too. While another engine uses it, this one has
 *   a temporary folder.
 * @throws Error with the last lines of dockerd if it does not start
 */
export async function startEngine(data?: string): Promise<Engine> {
  await using stack = new AsyncDisposableStack()
  // dockerd does not remove its rules. Those of another engine stay.
  const { stdout: rules } = await run('iptables-save')
  if (!rules.includes('DOCKER')) stack.defer(() => restoreRules(rules))
  // The path of a socket has at most 107 characters.
  const folder = await mkdtemp('/tmp/loom-engine-')
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  // The name is not `docker0`, because the machine may have an engine of its own.
  const bridge = `loom${process.pid}`.slice(0, 15)
  await run('ip', ['link', 'add', bridge, 'type', 'bridge'])
  stack.defer(async () => void (await run('ip', ['link', 'del', bridge])))
  // A bridge that a killed test left behind must not have the same addresses: replies would go there.
  const network = `172.31.${process.pid % 256}.1/24`
  await run('ip', ['address', 'add', network, 'dev', bridge])
  await run('ip', ['link', 'set', bridge, 'up'])
  const socket = `unix://${folder}/socket`
  const args = ['--exec-root', `${folder}/run`, '-H', socket, '--bridge', bridge]
  const dataRoot = data !== undefined && (await isFree(data)) ? data : join(folder, 'data')
  await mkdir(dataRoot, { recursive: true })
  const daemon = ['dockerd', ...args, '--pidfile', `${folder}/pid`, '--data-root', dataRoot]
  // The lock belongs to dockerd itself, so it ends with it.
  const child = spawn('flock', ['--no-fork', `${dataRoot}/lock`, ...daemon], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  // A killed test process cannot clean up. This process does it when its pipe closes.
  const guard = spawn(
    'sh',
    [
      '-c',
      'read _; kill "$0" && tail --pid="$0" -f /dev/null; ip link del "$1"; rm -rf "$2"',
      String(child.pid),
      bridge,
      folder,
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  )
  let output = ''
  child.stderr.on('data', (data) => (output = `${output}${String(data)}`.slice(-3000)))
  const exit = once(child, 'exit')
  stack.defer(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await within(30_000, 'the end of dockerd', exit).catch(() => child.kill('SIGKILL'))
    guard.kill('SIGKILL')
  })
  const environment = { ...process.env, DOCKER_HOST: socket, DOCKER_CONFIG: folder }
  const docker = async (...words: string[]) => {
    const { stdout } = await run('docker', words, { env: environment, maxBuffer: 1e8 })
    return stdout.trim()
  }
  await until(30_000, 'dockerd answers', async () => {
    if (child.exitCode !== null) throw new Error(`dockerd ended:\n${output}`)
    return docker('version').then(
      () => true,
      () => false,
    )
  })
  // A killed test left its containers behind.
  const left = await docker('ps', '--all', '--quiet')
  if (left !== '') await docker('rm', '--force', ...left.split('\n'))
  const owned = stack.move()
  return { environment, docker, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

const isFree = (data: string): Promise<boolean> =>
  run('sh', ['-c', 'mkdir -p "$0" && exec flock --nonblock "$0/lock" true', data]).then(
    () => true,
    () => false,
  )

async function restoreRules(rules: string): Promise<void> {
  const restoring = run('iptables-restore')
  restoring.child.stdin?.end(rules)
  await restoring
}

const path = 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The settings of the named images, as far as this project's files need them. */
const images: Readonly<Record<string, readonly string[]>> = {
  'node:26-slim': ['CMD ["node"]', 'ENV npm_config_cafile=/etc/ssl/certs/ca-certificates.crt'],
  'debian:bookworm-slim': ['CMD ["bash"]'],
  'redis:7-alpine': ['CMD ["redis-server"]', 'WORKDIR /data'],
  'nginx:1-alpine': ['CMD ["nginx","-g","daemon off;"]'],
}

/** The folder of images that one test makes and another one uses. */
export const sharedData = join(cache, 'engine-data')

/**
 * Creates the images that are needed and that the engine does not have yet. All have the same layer.
 * @param names the names in the Dockerfile and the compose file
 */
export async function importImages(engine: Engine, names: readonly string[]): Promise<void> {
  const tree = await debianTree()
  const layer = `loom-test-debian:${process.version}`
  const isThere = (await engine.docker('image', 'ls', '--quiet', layer)) !== ''
  const pack = `tar -C '${tree}' -c . | docker import - ${layer}`
  if (!isThere) await run('sh', ['-ec', pack], { env: engine.environment })
  for (const name of names) {
    const changes = images[name]
    if (changes === undefined) throw new Error(`The engine test has no image ${name}: add it here.`)
    const building = run('docker', ['build', '--tag', name, '-'], { env: engine.environment })
    building.child.stdin?.end([`FROM ${layer}`, path, ...changes].join('\n'))
    await building
  }
}

/** A small Debian with all programs of the images. It is created once and stored beside the project. */
export async function debianTree(): Promise<string> {
  const target = join(cache, `engine-root-${process.version}`)
  const isThere = await access(target).then(
    () => true,
    () => false,
  )
  if (isThere) return target
  await mkdir(cache, { recursive: true })
  const folder = await mkdtemp(join(cache, 'engine-root-'))
  try {
    const include = '--include=ca-certificates,nginx-light,redis-server'
    await run('debootstrap', ['--variant=minbase', include, 'bookworm', folder], { maxBuffer: 1e8 })
    await complete(folder)
    await chmod(folder, 0o755)
    await run('mv', ['-T', folder, target])
    return target
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Adds the parts of the official images that Debian's packages do not have. */
async function complete(folder: string): Promise<void> {
  const bin = join(folder, 'usr/local/bin')
  const modules = join(folder, 'usr/local/lib/node_modules')
  await mkdir(modules, { recursive: true })
  await copyFile(process.execPath, join(bin, 'node'))
  const { stdout } = await run('npm', ['root', '-g'])
  await cp(join(stdout.trim(), 'npm'), join(modules, 'npm'), { recursive: true })
  await symlink('../lib/node_modules/npm/bin/npm-cli.js', join(bin, 'npm'))
  await run('chroot', [folder, 'groupadd', '-g', '1000', 'node'])
  await run('chroot', [folder, 'useradd', '-u', '1000', '-g', 'node', '-m', 'node'])
  // The certificate authorities of this machine, for the connection to the npm registry.
  const authorities = '/etc/ssl/certs/ca-certificates.crt'
  await copyFile(authorities, join(folder, authorities))
  await rm(join(folder, 'etc/nginx/sites-enabled/default'), { force: true })
  // Other containers can reach the official image, so this one must allow it too.
  const redis = '#!/bin/sh\nexec /usr/bin/redis-server "$@" --protected-mode no\n'
  await writeFile(join(bin, 'redis-server'), redis, { mode: 0o755 })
}
