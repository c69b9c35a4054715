/** The limits of a confined command, and the effects that would outlive its sandbox. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { ControlGroup } from '../../src/machine/command/control-group.ts'
import type { SandboxOptions } from '../../src/machine/sandbox/options.ts'
import { bash, type BashOptions } from '../../tools/bash.ts'
import { callTool } from './called-tool.ts'
import { type Confinement, confinements, sandboxOf } from './sandboxes.ts'

const environment = { PATH: process.env['PATH'], HOME: homedir() }
const isRoot = process.getuid?.() === 0
const mebibyte = 1024 * 1024

let folder: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-limits-')))
  await chmod(folder, 0o755)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

interface Shell extends Partial<BashOptions> {
  kind?: Confinement
  more?: Partial<SandboxOptions>
}

/** Returns the output of a command, whether it succeeded or failed. */
async function outputOf(workspace: string, command: string, shell: Shell = {}): Promise<string> {
  const { kind = 'bwrap', more, ...options } = shell
  const sandbox = sandboxOf(kind, more)
  const tool = bash({ workspace, environment, sandbox, logParent: folder, ...options })
  return callTool(tool, { command }).then(({ output }) => String(output), String)
}

const made = () => mkdtemp(join(folder, 'workspace-'))
const git = (cwd: string, ...words: string[]) =>
  execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@f', ...words], {
    cwd,
    stdio: 'pipe',
  })

/** A repository with one commit. */
async function repository(): Promise<string> {
  const path = await made()
  git(path, 'init', '-q')
  git(path, 'commit', '-q', '--allow-empty', '-m', 'first')
  return path
}

/** Each command plants a program that the user's own git would run later. */
const plants = [
  'echo planted > .git/hooks/pre-commit',
  'rm -rf .git/hooks; mkdir .git/hooks; echo planted > .git/hooks/pre-commit',
  'mv .git .moved; cp -r .moved .git; echo planted > .git/hooks/pre-commit',
  'rm -rf .git; git init -q; echo planted > .git/hooks/pre-commit',
  'git config core.hooksPath planted',
  'git config core.fsmonitor planted',
  'echo "[alias] st = !planted" > .git/config',
  'cp .git/config new; echo "[core] pager = planted" >> new; mv new .git/config',
  'git config --worktree core.editor planted',
]

describe.runIf(confinements.includes('bwrap'))('a command in bubblewrap', () => {
  it.each(plants)('leaves no program for the git of the user: %s', async (plant) => {
    const workspace = await repository()
    const before = await readFile(join(workspace, '.git/config'), 'utf8')
    await outputOf(workspace, `{ ${plant}; } 2>&1`)
    expect(await readFile(join(workspace, '.git/config'), 'utf8')).toBe(before)
    expect(existsSync(join(workspace, '.git/hooks/pre-commit'))).toBe(false)
    expect(existsSync(join(workspace, '.git/config.worktree'))).toBe(false)
  })

  it('commits in a repository', async () => {
    const workspace = await repository()
    const commit = 'git -c user.name=a -c user.email=b@c commit -qm second; git log --format=%s'
    expect(await outputOf(workspace, `echo x > f; git add f; ${commit}`)).toBe('second\nfirst')
  })

  it('works in a worktree but plants no program in it', async () => {
    const main = await repository()
    const workspace = join(folder, 'worktree')
    git(main, 'worktree', 'add', '-q', workspace, '-b', 'other')
    const commit = 'git -c user.name=a -c user.email=b@c commit -qm second; git log --format=%s'
    expect(await outputOf(workspace, `echo x > f; git add f; ${commit}`)).toBe('second\nfirst')
    await outputOf(
      workspace,
      `echo planted > ${main}/.git/hooks/pre-commit; git config core.pager planted`,
    )
    expect(existsSync(join(main, '.git/hooks/pre-commit'))).toBe(false)
    expect(await readFile(join(main, '.git/config'), 'utf8')).not.toContain('planted')
    expect(await outputOf(workspace, `ls -A ${main}`)).toBe('.git')
  })

  it('sees no folder that only claims to be the repository', async () => {
    const secret = join(folder, 'secrets')
    await mkdir(secret)
    await writeFile(join(secret, 'key'), 'a secret')
    const other = await repository()
    for (const target of [secret, join(other, '.git')]) {
      const workspace = await made()
      await writeFile(join(workspace, '.git'), `gitdir: ${target}\n`)
      expect(await outputOf(workspace, `ls ${target}; cat ${target}/key`)).not.toMatch(
        /secret$|HEAD/m,
      )
    }
  })

  it('commits as the user but sees no other git settings', async () => {
    const home = await mkdtemp(join(folder, 'home-'))
    const settings = String.raw`[user]
 name = "Ada \"L\" \\o/"
 email = ada@example.com
[http]
 extraHeader = a-token
`
    await writeFile(join(home, '.gitconfig'), settings)
    const own = { PATH: environment.PATH, HOME: home }
    const workspace = await repository()
    const shell = { environment: own, more: { environment: own } }
    const commit = 'git commit --allow-empty -qm second; git log -1 --format="%an %ae"'
    expect(await outputOf(workspace, commit, shell)).toBe('Ada "L" \\o/ ada@example.com')
    expect(await outputOf(workspace, 'cat ~/.gitconfig', shell)).not.toContain('a-token')
  })

  it('runs toolchains of a home folder but sees no secret', async () => {
    const home = await mkdtemp(join(folder, 'home-'))
    const layouts = [
      ['.cargo/bin/cargo', '.rustup/toolchains/stable', '.cargo/credentials.toml'],
      ['.pyenv/shims/python9', '.pyenv/versions/9', '.pyrc'],
      ['.local/bin/ruff9', '.local/share/uv/tools/ruff9', '.local/share/keyrings'],
      ['.nvm/versions/node/v9/bin/node9', '.nvm/versions/node/v9/lib/x', '.npmrc'],
    ] as const
    for (const [program, needed, secret] of layouts) {
      await mkdir(join(home, program, '..'), { recursive: true })
      await mkdir(join(home, needed, '..'), { recursive: true })
      await mkdir(join(home, secret, '..'), { recursive: true })
      await writeFile(join(home, needed), 'needed')
      await writeFile(join(home, secret), 'secret')
      const script = `#!/bin/sh\ncat ${home}/${needed} ${home}/${secret} 2>/dev/null; true\n`
      await writeFile(join(home, program), script, { mode: 0o755 })
    }
    const paths = layouts.map(([program]) => join(home, program, '..'))
    const own = { HOME: home, PATH: [...paths, environment.PATH].join(':') }
    const shell = { environment: own, more: { environment: own } }
    const names = layouts.map(([program]) => program.split('/').at(-1)).join('; echo; ')
    expect(await outputOf(await made(), names, shell)).toBe('needed\nneeded\nneeded\nneeded')
  })

  it('sets no set-user-ID or set-group-ID bit', async () => {
    const workspace = await made()
    const ways = [
      'chmod u+s f',
      'chmod 2755 f',
      'install -m 4755 f g',
      `python3 -c 'import os; os.close(os.open("h", os.O_CREAT | os.O_WRONLY, 0o4755))'`,
      `python3 -c 'import os; os.chmod("f", 0o4755)'`,
      `perl -e 'chmod 04755, "f"'`,
      `perl -e 'use Fcntl; sysopen(F, "i", O_CREAT | O_WRONLY, 04755)'`,
    ]
    for (const way of ways) await outputOf(workspace, `cp /bin/sh f; ${way}`)
    for (const name of ['f', 'g', 'h', 'i']) {
      const stats = await stat(join(workspace, name)).catch(() => undefined)
      expect((stats?.mode ?? 0) & 0o6000, name).toBe(0)
    }
    expect(await outputOf(workspace, 'chmod 755 f && stat -c %a f')).toBe('755')
  })

  it('cannot fill the memory of /dev or of the machine', async () => {
    const workspace = await made()
    expect(await outputOf(workspace, 'echo x > /dev/file')).toMatch(/Read-only/)
    expect(await outputOf(workspace, 'echo x > /dev/shm/file && cat /dev/shm/file')).toBe('x')
    expect(await outputOf(workspace, 'echo x > /dev/null && head -c 1 /dev/zero | wc -c')).toBe('1')
  })
})

const confined = confinements.filter((kind) => kind !== 'none')

describe.each(confined)('a command in %s', (kind) => {
  it('stays within its memory limit', async () => {
    const workspace = await made()
    const greedy = `python3 -c 'print(len(b"x" * (400 << 20)))' || perl -e 'print length("x" x (400 << 20))'`
    const shell = { kind, memoryBytesMax: 100 * mebibyte }
    expect(await outputOf(workspace, greedy, shell)).toMatch(/memory|Killed/i)
    expect(await outputOf(workspace, `${greedy}; echo after`, { kind })).toMatch(
      /^419430400\nafter$/m,
    )
  })

  it('writes no file larger than the limit', async () => {
    const workspace = await made()
    const shell = { kind, diskBytesMax: 10 * mebibyte }
    const command = 'head -c 50000000 /dev/zero > file; stat -c %s file'
    expect(await outputOf(workspace, command, shell)).toMatch(/^10485760$/m)
    await rm(join(workspace, 'file'))
  })

  it('ends if its files fill the disk', async () => {
    const workspace = await made()
    const shell = { kind, diskBytesMax: 30 * mebibyte }
    const command = 'for i in $(seq 1000); do head -c 10000000 /dev/zero > $i; sleep 0.05; done'
    expect(await outputOf(workspace, command, shell)).toMatch(/filled the disk/)
    await rm(workspace, { recursive: true })
  })

  it('changes no setting of the kernel', async () => {
    const workspace = await made()
    // Opens the files for writing and writes nothing, so that a failure does no harm to the machine.
    for (const path of [
      '/proc/sys/kernel/core_pattern',
      '/proc/sys/vm/drop_caches',
      '/proc/sysrq-trigger',
    ]) {
      const failure = `mount -o remount,rw /proc/sys; umount /proc/sys; : >> ${path}`
      expect(await outputOf(workspace, `{ ${failure}; } 2>&1`), path).toMatch(
        /(?:Read-only file system|Permission denied|No such file).*\n\nCommand exited/s,
      )
    }
  })

  it('leaves no core dump', async () => {
    expect(await outputOf(await made(), 'ulimit -c', { kind })).toBe('0')
  })
})

describe.runIf(isRoot && confinements.includes('bwrap'))('a command that root confines', () => {
  const owner = 12_345
  const owned = async () => {
    const workspace = await made()
    await chown(workspace, owner, owner)
    return workspace
  }

  it('runs as the owner of the workspace', async () => {
    const workspace = await owned()
    expect(await outputOf(workspace, 'id -u; id -G; touch file; mkdir inner')).toBe(
      `${owner}\n${owner}`,
    )
    for (const name of ['file', 'inner']) {
      expect(await stat(join(workspace, name))).toMatchObject({ uid: owner, gid: owner })
    }
  })

  it('cannot read files that only root may read', async () => {
    const workspace = await owned()
    await writeFile(join(workspace, 'private'), 'of root', { mode: 0o600 })
    expect(await outputOf(workspace, 'cat private')).toMatch(/denied/)
  })

  it('opens its output by name and reads its log', async () => {
    const workspace = await owned()
    expect(await outputOf(workspace, 'echo one > /dev/stdout; echo two > /dev/stderr')).toBe(
      'one\ntwo',
    )
    const tool = bash({ workspace, environment, sandbox: sandboxOf('bwrap'), logParent: folder })
    const { output } = await callTool(tool, { command: 'seq 5000' })
    const path = /Full output: (.*)\]/.exec(String(output))?.[1] ?? ''
    expect((await callTool(tool, { command: `wc -l < ${path}` })).output).toBe('5000')
  })

  it('stays within its limit of processes', async () => {
    const crowd = 'for i in $(seq 60); do sleep 1 & done 2>&1; wait; echo done'
    const group = await ControlGroup.make('loom-limits-test', {
      memoryBytesMax: 1e9,
      processesMax: 9,
    })
    await group?.remove()
    // For root only a control group bounds the number of processes.
    const ofRoot = group === undefined ? [] : [await made()]
    for (const workspace of [await owned(), ...ofRoot]) {
      expect(await outputOf(workspace, crowd, { processesMax: 30 })).toMatch(
        /temporarily unavailable/,
      )
    }
  })
})
