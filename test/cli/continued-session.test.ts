import { readFile, realpath, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it } from 'vitest'

import type { Upstream } from '../sessions/upstream.ts'
import { command, folder, loom, start, tidy } from './command.ts'
import { openScript } from './scripted-upstream.ts'

describe('a session that continues', () => {
  const upstreams: Upstream[] = []
  afterEach(async () => {
    for (const upstream of upstreams.splice(0)) await upstream[Symbol.asyncDispose]()
    await tidy()
  })

  async function open() {
    const upstream = await openScript([
      'first',
      'second',
      { calls: [{ name: 'read_file', input: { path: 'note.txt' } }] },
      'third',
    ])
    upstreams.push(upstream)
    const environment = {
      XDG_STATE_HOME: await folder(),
      UP_BASE_URL: upstream.url,
      LOOM_SANDBOX: 'none',
    }
    const [a, b] = [await realpath(await folder()), await realpath(await folder())]
    const say = (directory: string, ...words: string[]) => loom(words, { directory, environment })
    return { upstream, a, b, say, environment }
  }

  it('uses its model and reports it', async () => {
    const { upstream, a, say } = await open()
    await say(a, '--model', 'up/x', '--session', 's', 'hello')
    const { stderr, stdout } = await say(a, '--continue', 'and now?')
    expect(stdout).toBe('second\n')
    expect(stderr).toContain('continues session s\nloom: model up/x')
    expect(upstream.calls).toHaveLength(2)
    const other = await say(a, '--continue', '--model', 'demo/echo', 'and now?')
    expect(other.stdout).toBe('and now?\n')
  })

  it('reports that its model cannot be used, and that another one answers', async () => {
    const { a, say, environment } = await open()
    await say(a, '--model', 'up/x', '--session', 's', 'hello')
    const { UP_BASE_URL: _, ...without } = environment
    const options = { directory: a, environment: { ...without, LOOM_MODEL: 'demo/echo' } }
    const { stdout, stderr } = await loom(['--continue', 'and now?'], options)
    expect(stdout).toBe('and now?\n')
    expect(stderr).toContain(
      'up/x, the model of this session, cannot be used now: demo/echo answers',
    )
  })

  it('is the last of this folder, or keeps its own folder', async () => {
    const { upstream, a, b, say } = await open()
    await writeFile(join(a, 'note.txt'), 'a note of folder A')
    await say(a, '--agent', 'coder', '--model', 'up/x', '--session', 'one', 'this is A')
    const there = await say(b, '--model', 'up/x', '--session', 'two', 'this is B')
    expect(there.stderr).not.toContain('continues')
    expect((await say(b, 'sessions')).stdout).toMatch(new RegExp(`one {2}this is A {2}\\(${a}\\)`))
    // The agent coder reads the note in the folder of the session.
    const far = await say(b, '--session', 'one', 'read it')
    expect(far.stderr).toContain(`model up/x · folder ${a}`)
    expect(JSON.stringify(upstream.calls.at(-1)?.messages)).toContain('a note of folder A')
    const near = await say(b, '--continue', 'go on')
    expect(near.stderr).toContain('session two')
  })

  it('may contain a call without an answer', async () => {
    const { a, say, environment } = await open()
    await say(a, '--model', 'demo/fast', '--session', 'kept', 'My name is Ada.')
    const file = join(environment.XDG_STATE_HOME, 'loom/sessions/kept.json')
    const session: { messages: { parts: unknown[] }[] } = JSON.parse(await readFile(file, 'utf8'))
    const call = { type: 'tool-bash', toolCallId: 'c', state: 'output-error', input: {} }
    session.messages[1]?.parts.push({ ...call, approval: { id: 'q' }, errorText: 'Not answered.' })
    await writeFile(file, JSON.stringify(session))
    expect((await say(a, 'sessions')).stdout).toContain('My name is Ada.')
    const { stdout } = await say(a, '--continue', '--model', 'demo/fast', 'Who am I?')
    expect(stdout).toBe('Your name is Ada.\n')
  })

  it('asks a question although stdin never ends', async () => {
    const run = start(['-m', 'demo/fast', 'What is 2+2?'], { input: undefined })
    const { code, stdout, stderr } = await run.ended
    expect({ code, stdout }).toEqual({ code: 0, stdout: '2 + 2 = **4**\n' })
    expect(stderr).toContain('nothing came on stdin in 3 s')
  })

  it('waits for stdin with `loom - "…"`', async () => {
    const run = start(['-m', 'demo/echo', '-', 'Explain'], { input: undefined })
    run.child.stdin?.end('this')
    expect((await run.ended).stdout).toBe('Explain\n\nthis\n')
  })

  it('reports a missing folder or home in one line', async () => {
    const gone = await loom([], {
      program: [
        'sh',
        '-c',
        `mkdir gone; cd gone; rmdir ../gone; exec "$@"`,
        'sh',
        ...command,
        '2+2?',
      ],
      directory: await folder(),
    })
    expect(gone).toMatchObject({ code: 2, stderr: expect.stringMatching(/^loom: [^\n]+\n$/) })
    const nowhere = await loom(['--session', 's', 'What is 2+2?'], {
      environment: { HOME: '/proc/no' },
    })
    expect(nowhere.stdout).toBe('2 + 2 = **4**\n')
    expect(nowhere.stderr).toMatch(/loom: Sessions cannot be kept in [^\n]+\n$/)
    expect(nowhere.code).toBe(1)
  })
})
