/**
 * The executable in a root of its own, as on the smallest Debian: no Node, no npm, no ripgrep. The
 * root contains only the libraries of the executable and the programs that run an agent's commands.
 * A mount namespace creates one without root rights. If the system allows none, the tests report
 * it, and they fail under CI.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { afterEach, beforeAll, describe, expect, it } from 'vitest'

import { start as startProgram, tidy } from '../cli/command.ts'
import { until } from '../redis/until.ts'
import { buildArtefacts, buildMs, executable } from './built.ts'
import { testFolder } from './test-folder.ts'

const enter = ['unshare', '--map-root-user', '--mount'] as const
const [unshare, ...namespaces] = enter
const isAllowed = spawnSync(unshare, [...namespaces, 'true']).status === 0
const mustRun = process.env['CI'] !== undefined

describe.skipIf(!isAllowed && !mustRun)('on a bare root (it needs mount namespaces)', () => {
  const { path: bare } = testFolder()

  beforeAll(buildArtefacts, buildMs)
  beforeAll(() => {
    for (const name of ['bin', 'dev', 'proc', 'tmp', 'work']) mkdirSync(join(bare, name))
    const [file = ''] = executable.program
    place(file, '/loom')
    // A running command needs these. Its grep searches for processes; the grep tool does not use
    // it.
    for (const name of ['bash', 'mkfifo', 'grep']) place(`/bin/${name}`, `/bin/${name}`)
    symlinkSync('bash', join(bare, 'bin/sh'))
    cpSync(join(import.meta.dirname, 'files'), join(bare, 'work'), { recursive: true })
  })
  afterEach(tidy)

  /** Copies a program with its libraries into the root. */
  function place(program: string, at: string): void {
    copyFileSync(program, join(bare, at))
    const linked = execFileSync('ldd', [program], { encoding: 'utf8' })
    for (const [library] of linked.matchAll(/\/\S+(?= \()/g)) {
      mkdirSync(join(bare, dirname(library)), { recursive: true })
      copyFileSync(library, join(bare, library))
    }
  }

  /** The root sees only the kernel's own folders of this machine. */
  const mounts = `
    # It would be a folder of the checkout, which Node.js would create in the root.
    unset NODE_COMPILE_CACHE
    mount --rbind /dev '${bare}/dev' && mount --rbind /proc '${bare}/proc' || exit 99
    exec chroot '${bare}' /loom "$@"`

  const start = (words: readonly string[], environment: Record<string, string> = {}) =>
    startProgram(words, { program: [...enter, 'sh', '-c', mounts, 'sh'], environment })

  it('the executable answers and runs tools on a bare root', async () => {
    const own = await start(['What is 6 * 7?']).ended
    expect(own).toEqual({
      code: 0,
      stdout: '6 × 7 = **42**\n',
      stderr: '● calculator 6 * 7\n  └ 42\n',
    })
    const file = await start(['--agent', '/work/agent.ts', 'Use greet for Ada']).ended
    expect(file.stdout).toContain('hello Ada, from another file')
  })

  it('the executable runs commands and its own ripgrep', async () => {
    const environment = { LOOM_WORKSPACE: '/work' }
    const command = JSON.stringify({ command: 'echo /*; type -P node rg || echo neither' })
    const words = ['--tools', 'bash', '--yes', `Use bash ${command}`]
    const bash = await start(words, environment).ended
    expect(bash.stdout).toMatch(/^\/bin \/dev \/lib.* \/loom \/proc \/tmp \/work\nneither$/m)
    const grep = ['--tools', 'grep', 'Use grep {"pattern":"another file"}']
    expect((await start(grep, environment).ended).stdout).toContain('origin.ts:1:')
  })

  it('the executable serves HTTP and stops cleanly', async () => {
    const server = start(['serve'], { PORT: '0' })
    await until(15_000, 'the greeting', () => /curl -N/.test(server.stdout))
    const [url = ''] = /http:\/\/\S+/.exec(server.stdout) ?? []
    expect(await (await fetch(url)).text()).toContain('<!doctype html>')
    const body = JSON.stringify({ message: 'What is 12 * 34?' })
    const answer = await fetch(`${url}/api/chat?protocol=text`, { method: 'POST', body })
    expect(await answer.text()).toContain('408')
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })
})
