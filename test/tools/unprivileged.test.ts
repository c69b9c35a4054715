/**
 * Runs the escape suite as an unprivileged user with its own session, home folder and temporary folder.
 * Root uses a user id without an account; any other user runs it under its own id. If bubblewrap or
 * `unshare` does not work for a user, the suite prints a skip, and with `CI` set it fails.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { root } from '../cli/command.ts'
import { within } from '../deadline.ts'
import { confinements } from './sandboxes.ts'

const suites = ['bash-confinement', 'bash-limits', 'confinement']
const isRoot = process.getuid?.() === 0
/** A user id without an account, so that no other process counts towards its limits. */
const user = 54_321
const asUser = isRoot
  ? ['setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', '--']
  : []

const works = (command: string, ...words: string[]) => spawnSync(command, words).status === 0
/** True if the user can run this command line. */
const userMay = (...words: string[]) => {
  const [first = '', ...rest] = [...asUser, ...words]
  return works(first, ...rest)
}

const lack = lackOf()
if (lack !== undefined) process.stderr.write(`Not tested as a user of its own: ${lack}\n`)
const mustRun = process.env['CI'] !== undefined

function lackOf(): string | undefined {
  if (!userMay('true')) return 'setpriv (util-linux) does not work here.'
  if (!userMay('test', '-r', join(root, 'package.json')) && !works('unshare', '--mount', 'true')) {
    return 'a user cannot read the project, and it cannot be mounted elsewhere.'
  }
  return undefined
}

/** The report of vitest. */
interface Report {
  numPassedTests: number
  testResults: readonly {
    name: string
    message: string
    assertionResults: readonly {
      fullName: string
      status: 'passed' | 'failed' | 'pending' | 'skipped' | 'todo'
      failureMessages: readonly string[] | null
    }[]
  }[]
}

describe.skipIf(lack !== undefined && !mustRun)('the escape suite', () => {
  let home: string

  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'loom-user-'))
    await mkdir(join(home, 'tmp'))
    await mkdir(join(home, 'project'))
    own(home)
  })
  afterAll(() => rm(home, { recursive: true, force: true }))

  const own = (path: string) => {
    if (isRoot) execFileSync('chown', ['-R', `${user}:${user}`, path])
  }

  /** The project and Node where the user can read them: a clone in a private folder is mounted elsewhere. */
  async function place() {
    let node = process.execPath
    if (!userMay('test', '-x', node)) {
      node = join(home, 'node')
      await copyFile(process.execPath, node)
      own(node)
    }
    if (userMay('test', '-r', join(root, 'package.json'))) {
      return { node, project: root, enter: asUser }
    }
    const project = join(home, 'project')
    const mounted = 'mount --bind "$0" "$1" && shift && cd "$0" && exec "$@"'
    const enter = ['unshare', '--mount', 'sh', '-c', mounted, root, project, ...asUser]
    return { node, project, enter }
  }

  it('holds for an unprivileged user with bubblewrap, unshare and nothing', async () => {
    const { node, project, enter } = await place()
    const report = join(home, 'report.json')
    const [program = '', ...words] = [
      ...enter,
      node,
      join(project, 'node_modules/vitest/vitest.mjs'),
      'run',
      `--root=${project}`,
      '--project=loom',
      '--maxWorkers=1',
      // The project belongs to another user, so nothing may be written there.
      '--configLoader=native',
      '--cache=false',
      '--reporter=json',
      `--outputFile=${report}`,
      ...suites.map((name) => `test/tools/${name}.test.ts`),
    ]
    const child = spawn(program, words, {
      cwd: '/',
      env: {
        PATH: [dirname(node), process.env['PATH']].join(':'),
        HOME: home,
        TMPDIR: join(home, 'tmp'),
        ...(mustRun && { CI: process.env['CI'] }),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A session of its own, without a terminal.
      detached: true,
    })
    const said = Promise.all([text(child.stdout), text(child.stderr)])
    const ended = once(child, 'close')
    try {
      await within(900_000, 'the end of the suite', ended)
    } finally {
      if (child.exitCode === null) child.kill('SIGKILL')
    }
    const [, errors] = await said
    // Shows the skips of the suite in the output of this run.
    process.stderr.write(errors)
    const { testResults }: Report = JSON.parse(await readFile(report, 'utf8'))
    const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
    const failures = tests
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => [fullName, failureMessages])
    expect(failures).toEqual([])
    expect(testResults.map(({ message }) => message).filter((message) => message !== '')).toEqual(
      [],
    )
    expect(child.exitCode).toBe(0)
    const passed = tests.filter(({ status }) => status === 'passed')
    const passedOf = (kind: string) =>
      passed.filter(({ fullName }) => fullName.startsWith(`a command in ${kind} `)).length
    // A sandbox that works for this process works for the user too, unless the suite has reported
    // otherwise.
    const expected = confinements.filter((kind) => !errors.includes(`Not tested: ${kind}`))
    if (expected.includes('bwrap')) expect(passedOf('bubblewrap')).toBeGreaterThan(30)
    for (const kind of expected.filter((kind) => kind !== 'none')) {
      expect(passedOf(kind), kind).toBeGreaterThanOrEqual(5)
    }
    const skipped = tests.filter(({ status }) => status === 'pending' || status === 'skipped')
    const unexpected = skipped.filter(
      ({ fullName }) => !fullName.startsWith('a command that root confines'),
    )
    if (expected.length === 3) expect(unexpected).toEqual([])
  }, 1_000_000)
})
