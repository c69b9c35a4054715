/** Attempts to escape from the sandbox, made from inside it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { openSandbox } from '../../src/machine/sandbox.ts'
import { bash, type BashOptions } from '../../tools/bash.ts'
import { portOf } from '../redis/server.ts'
import { callTool, failureOf } from './called-tool.ts'
import { confinements, sandboxOf } from './sandboxes.ts'

const environment = { PATH: process.env['PATH'], HOME: homedir() }
const secret = 'the-secret-of-another-tenant'

let folder: string
let workspace: string
let victim: ChildProcess
let server: Server
let visits = 0

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-confined-')))
  workspace = join(folder, 'workspace')
  await mkdir(join(workspace, 'private'), { recursive: true })
  await mkdir(join(folder, 'workspace-evil'))
  await writeFile(join(folder, 'secret'), secret)
  await writeFile(join(folder, 'workspace-evil/secret'), secret)
  await writeFile(join(workspace, 'private/secret'), secret)
  await symlink(join(folder, 'secret'), join(workspace, 'link'))
  victim = spawn('sleep', ['300'], { stdio: 'ignore', env: { ANTHROPIC_API_KEY: secret } })
  server = createServer((socket) => {
    visits += 1
    socket.end()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterAll(async () => {
  victim.kill('SIGKILL')
  server.close()
  await rm(folder, { recursive: true, force: true })
})

const shell = (options: Partial<BashOptions> = {}) =>
  bash({ workspace, environment, sandbox: sandboxOf('bwrap'), logParent: folder, ...options })
/** Returns the output of a command, whether it succeeded or failed. */
const outputOf = async (command: string) =>
  String(await run(command).catch((error: unknown) => error))
const run = async (command: string, options: Partial<BashOptions> = {}) =>
  (await callTool(shell(options), { command })).output

describe.runIf(confinements.includes('bwrap'))('a command in bubblewrap', () => {
  it('reads nothing outside the workspace', async () => {
    const paths = ['../secret', `${folder}/secret`, '../workspace-evil/secret', 'link']
    const more = ['/proc/1/root', '/proc/self/root', '/proc/1/cwd', '/dev/fd/3/..'].map(
      (root) => `${root}${folder}/secret`,
    )
    const command = [...paths, ...more].map((path) => `cat ${path}`).join('; ')
    expect(await outputOf(command)).not.toContain(secret)
    expect(await run(`find / -name secret -not -path '/proc/*' 2>/dev/null; true`)).toBe(
      `${workspace}/private/secret`,
    )
  })

  it('works where the workspace and the home folder are in a folder for temporary files', async () => {
    for (const parent of ['/var/tmp', '/dev/shm']) {
      const place = await realpath(await mkdtemp(join(parent, 'loom-place-')))
      try {
        const [home, inside] = [join(place, 'home'), join(place, 'workspace')]
        await mkdir(home)
        await mkdir(inside)
        await writeFile(join(home, 'secret'), secret)
        const sandbox = sandboxOf('bwrap', { environment: { ...environment, HOME: home } })
        const command = `touch made $HOME/made ${parent}/made; ls; ls ${home} ${place}`
        const options = { workspace: inside, sandbox, environment: { ...environment, HOME: home } }
        expect(await run(command, options)).toBe(
          `made\n${place}:\nhome\nworkspace\n\n${home}:\nmade`,
        )
        expect(await readdir(inside)).toEqual(['made'])
      } finally {
        await rm(place, { recursive: true, force: true })
      }
    }
  })

  it('reads the same files through a link, from any program', async () => {
    const command = `exec 9<${folder}/secret; cat <&9; dd if=${folder}/secret; head /proc/*/environ`
    expect(await outputOf(command)).not.toContain(secret)
  })

  it('reads the log of a long output but cannot change it', async () => {
    const tool = shell()
    const { output } = await callTool(tool, { command: 'seq 5000' })
    const path = /Full output: (.*)\]/.exec(String(output))?.[1] ?? ''
    const again = await callTool(tool, { command: `head -n 1 ${path}; wc -l < ${path}` })
    expect(again.output).toBe('1\n5000')
    expect(await failureOf(tool, { command: `echo x >> ${path}` })).toMatch(/Read-only/)
  })

  it('neither sees nor changes the records of Loom', async () => {
    const notes = join(workspace, '.loom/journal')
    await mkdir(notes, { recursive: true })
    await writeFile(join(notes, 'note.json'), '[]')
    expect(await run('ls -A .loom | wc -l')).toBe('0')
    expect(await outputOf('echo x > .loom/journal/note.json')).toMatch(/exited with code/)
    expect(await outputOf('rm -rf .loom')).toMatch(/exited with code/)
    expect(await outputOf('mv .loom elsewhere')).toMatch(/exited with code/)
    expect(await readFile(join(notes, 'note.json'), 'utf8')).toBe('[]')
    await rm(join(workspace, '.loom'), { recursive: true })
    expect(await run('echo fine')).toBe('fine')
  })

  it('sees no home folder, service sockets or passwords', async () => {
    const home = String(await run(`ls -A ~ /home /run /var/run /srv /mnt /media 2>/dev/null; true`))
    for (const name of ['.ssh', '.npmrc', '.bash_history', 'docker.sock']) {
      expect(home).not.toContain(name)
    }
    const command = 'cat /etc/shadow /etc/gshadow 2>/dev/null; ls -A /etc/ssl/private'
    expect(await run(`${command}; true`)).not.toMatch(/root:|\$y\$|\.key/)
  })

  it('cannot uncover hidden files', async () => {
    for (const command of [
      'umount /etc/shadow',
      'mount -t tmpfs none /mnt',
      'unshare -Urm true',
      'chroot / true',
      'mknod disk b 8 0',
      'nsenter -t 1 -m true',
    ]) {
      expect(await failureOf(shell(), { command }), command).toMatch(/exited with code/)
    }
  })

  it('changes nothing outside the workspace', async () => {
    const settings = ['/proc/sys/kernel/core_pattern', '/proc/sys/vm/drop_caches', '/etc/passwd']
    for (const path of ['/usr/bin/planted', '/etc/planted', '/planted', ...settings]) {
      // Opens the file for writing and writes nothing, so that a failure does no harm to the machine.
      const command = `: >> ${path}`
      expect(await failureOf(shell(), { command }), path).toMatch(/Read-only|denied/)
    }
    // The command has temporary folders of its own.
    await outputOf(`mkdir -p ~/.ssh; echo x >> ~/.ssh/planted; echo x >> ${folder}/planted; true`)
    expect(await readdir(folder)).not.toContain('planted')
    expect(await readdir(join(homedir(), '.ssh')).catch(() => [])).not.toContain('planted')
  })

  it('neither sees nor kills a process outside', async () => {
    const { pid } = victim
    expect(await failureOf(shell(), { command: `kill -9 ${pid}` })).toMatch(/No such process/)
    expect(await run(`kill -9 -1; true`).catch(() => 'killed itself')).toBeDefined()
    expect(await run(`grep -l ${secret} /proc/[0-9]*/environ; true`)).toBe('(no output)')
    expect(victim.exitCode ?? victim.signalCode).toBeNull()
  })

  it('does not reach the network', async () => {
    const command = `exec 9<>/dev/tcp/127.0.0.1/${portOf(server)}`
    const before = visits
    expect(await failureOf(shell(), { command })).toMatch(/refused|unreachable/)
    expect(visits).toBe(before)
    expect(await run("tail -n +3 /proc/net/dev | grep -v ' lo:' | wc -l")).toBe('0')
  })

  it('reaches the network if the options allow it', async () => {
    const before = visits
    const sandbox = sandboxOf('bwrap', { network: true })
    await run(`exec 9<>/dev/tcp/127.0.0.1/${portOf(server)}`, { sandbox })
    expect(visits).toBe(before + 1)
  })

  it('can listen on a localhost of its own', async () => {
    // An interface that is down would be unreachable.
    expect(await outputOf('exec 9<>/dev/tcp/127.0.0.1/9')).toMatch(/Connection refused/)
  })

  it('has no capability and can gain none', async () => {
    expect(await run("grep -c 'Cap.*:.*[1-9a-f]' /proc/self/status; true")).toBe('0')
    expect(await run('grep NoNewPrivs /proc/self/status')).toMatch(/1$/)
  })

  it('loses its temporary files at its end', async () => {
    expect(await run('echo mine > /tmp/file; echo mine > ~/file; cat /tmp/file ~/file')).toBe(
      'mine\nmine',
    )
    expect(await run('ls -A /tmp | grep file; ls ~ | grep file; true')).toBe('(no output)')
  })

  it('finds programs of PATH in a home folder', async () => {
    const tools = await mkdtemp(join(folder, 'tools-'))
    await mkdir(join(tools, 'bin'))
    await writeFile(join(tools, 'bin/greet'), '#!/bin/sh\necho hello\n', { mode: 0o755 })
    await writeFile(join(tools, 'credentials'), secret)
    const own = { HOME: tools, PATH: `${tools}/bin:${environment.PATH}` }
    const sandbox = sandboxOf('bwrap', { environment: own })
    const command = `greet; cat ${tools}/credentials 2>/dev/null; true`
    expect(await run(command, { sandbox, environment: own })).toBe('hello')
  })

  it('sees only the workspace of a home folder', async () => {
    const own = { PATH: environment.PATH, HOME: folder }
    const sandbox = sandboxOf('bwrap', { environment: own })
    const options = { sandbox, environment: own }
    expect(await run('cd; pwd; ls -I "loom-bash-*"; cd workspace && ls', options)).toBe(
      `${folder}\nworkspace\nlink\nprivate`,
    )
  })

  it('changes an additional path only if it is writable', async () => {
    const shared = await mkdtemp(join(folder, 'shared-'))
    const cache = await mkdtemp(join(folder, 'cache-'))
    await writeFile(join(shared, 'data'), 'data')
    const sandbox = sandboxOf('bwrap', {
      readable: [shared, '/nowhere/at/all'],
      writable: [cache],
      hidden: [join(workspace, 'private'), join(workspace, 'link'), '/nowhere/at/all'],
    })
    expect(await run(`cat ${shared}/data; echo kept > ${cache}/file`, { sandbox })).toBe('data')
    expect(await readFile(join(cache, 'file'), 'utf8')).toBe('kept\n')
    const command = `rm ${shared}/data`
    expect(await failureOf(shell({ sandbox }), { command })).toMatch(/Read-only/)
    expect(await run('ls -A private; true', { sandbox })).toBe('(no output)')
  })
})

describe.runIf(confinements.includes('unshare'))('a command in unshare', () => {
  it('neither sees nor kills a process outside, and does not reach the network', async () => {
    const sandbox = sandboxOf('unshare')
    const { pid } = victim
    expect(await failureOf(shell({ sandbox }), { command: `kill -9 ${pid}` })).toMatch(/No such/)
    expect(await run(`grep -l ${secret} /proc/[0-9]*/environ; true`, { sandbox })).toBe(
      '(no output)',
    )
    const command = `exec 9<>/dev/tcp/127.0.0.1/${portOf(server)}`
    expect(await failureOf(shell({ sandbox }), { command })).toMatch(/unreachable|refused/)
  })

  it('finds no other process and no key under its /proc', async () => {
    const sandbox = sandboxOf('unshare')
    const uncover = 'umount /proc || unshare -m umount /proc'
    const look = `kill ${victim.pid}; grep -l ${secret} /proc/[0-9]*/environ`
    const command = `{ ${uncover}; ${look}; } 2>/dev/null; true`
    expect(await run(command, { sandbox })).toBe('(no output)')
  })

  it('changes the workspace as the user of Loom', async () => {
    const sandbox = sandboxOf('unshare')
    const command = `touch theirs; ${process.getuid?.() === 0 ? 'chown 12345 theirs; ' : ''}chmod 600 theirs`
    expect(await run(`${command}; echo mine > theirs; cat theirs; rm theirs`, { sandbox })).toBe(
      'mine',
    )
  })
})

describe('a sandbox', () => {
  const nowhere = { bwrap: '/nowhere/bwrap', unshare: '/nowhere/unshare' }
  const options = { environment, programs: nowhere }

  it('refuses commands if it is required but missing', async () => {
    for (const mode of ['required', 'bwrap'] as const) {
      const sandbox = openSandbox({ ...options, mode })
      await expect(sandbox.kind()).rejects.toMatchObject({
        code: 'invalid-config',
        message: `LOOM_SANDBOX=${mode}, but bubblewrap does not work here (it is not installed). Commands do not run.`,
      })
      expect(await failureOf(shell({ sandbox }), { command: 'true' })).toMatch(
        /Commands do not run/,
      )
    }
  })

  it('reports once that commands are not confined', async () => {
    const lines: string[] = []
    const sandbox = openSandbox({ ...options, notice: (line) => void lines.push(line) })
    expect(await run('echo one', { sandbox })).toBe('one')
    await Promise.all([run('echo two', { sandbox }), run('echo three', { sandbox })])
    expect(lines).toEqual([expect.stringMatching(/^bash is not confined: .*LOOM_SANDBOX=required/)])
  })

  it('reports nothing in the mode `none`', async () => {
    const lines: string[] = []
    const notice = (line: string) => void lines.push(line)
    const sandbox = openSandbox({ ...options, mode: 'none', notice })
    expect(await sandbox.kind()).toBe('none')
    expect(lines).toEqual([])
  })

  it('treats a broken bubblewrap as missing', async () => {
    const lines: string[] = []
    const broken = join(folder, 'broken-bwrap')
    await writeFile(broken, '#!/bin/sh\necho "bwrap: No permissions" >&2; exit 1\n', {
      mode: 0o755,
    })
    const sandbox = openSandbox({
      environment,
      programs: { bwrap: broken, unshare: '/nowhere/unshare' },
      notice: (line) => void lines.push(line),
    })
    expect(await sandbox.kind()).toBe('none')
    expect(lines[0]).toContain('(bwrap: No permissions)')
  })

  it('reports why a command could not start', async () => {
    const full = join(folder, 'full-bwrap')
    const script = '#!/bin/sh\ncase "$*" in *--chdir*) echo "bwrap: No room" >&2; exit 1;; esac\n'
    await writeFile(full, script, { mode: 0o755 })
    const sandbox = openSandbox({ environment, mode: 'bwrap', programs: { bwrap: full } })
    expect(await failureOf(shell({ sandbox }), { command: 'true' })).toBe(
      'The command could not be run: bwrap: No room',
    )
  })
})
