import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it, vi } from 'vitest'

import { compileCache } from '../compile-cache.ts'
import { within } from '../deadline.ts'
import { openServer } from '../fixtures/open-server.ts'
import { until } from '../redis/until.ts'
import { command, folder, loom, root, start, tidy } from './command.ts'

afterEach(tidy)

vi.setConfig({ testTimeout: 120_000 })

/** A server that sends this response to every request. */
const openResponder = (status: number, type: string, body: string) =>
  openServer((request, response) => {
    request.resume()
    response.writeHead(status, { 'content-type': type }).end(body)
  })

/** One model call that ends for this reason. */
const openModel = (text: string, reason: string) => {
  const chunk = (delta: object, finish: string | null) =>
    `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  const body = `${chunk({ content: text }, null)}${chunk({}, reason)}data: [DONE]\n\n`
  return openResponder(200, 'text/event-stream', body)
}

describe('an answer that stdout cannot take', () => {
  it('is a reported failure if the disk is full', async () => {
    for (const words of [['hi there'], ['--json', 'hi there'], ['--help']]) {
      const [file = '', ...first] = command
      const full = openSync('/dev/full', 'w')
      const child = spawn(file, [...first, ...words], {
        cwd: root,
        env: { PATH: process.env['PATH'], ...compileCache(), LOOM_MODEL: 'demo/fast' },
        stdio: ['ignore', full, 'pipe'],
      })
      closeSync(full)
      let output = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (output += text))
      const closed = new Promise((resolve) => child.once('close', resolve))
      expect(await within(60_000, 'the end', closed)).toBe(1)
      expect(output).toMatch(/^loom: stdout cannot be written: ENOSPC.*\n$/m)
    }
  })
})

describe('an incomplete answer', () => {
  it('is reported: cut off, withheld or empty', async () => {
    for (const [text, reason, code, line] of [
      ['half of', 'length', 4, 'loom: cut off: the answer is as long as the model may make it\n'],
      ['half of', 'content_filter', 1, 'loom: cut off: the provider withholds the rest\n'],
      ['', 'stop', 1, 'loom: the model said nothing\n'],
    ] as const) {
      await using model = await openModel(text, reason)
      const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: model.root }
      const ended = await loom(['hi there'], { environment })
      expect(ended).toEqual({ code, stdout: text === '' ? '' : `${text}\n`, stderr: line })
    }
  })

  it('with a refused key ends with exit code 3', async () => {
    await using model = await openResponder(
      401,
      'application/json',
      '{"error":{"message":"bad key"}}',
    )
    const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: model.root, UP_API_KEY: 'wrong' }
    const ended = await loom(['hi there'], { environment })
    expect(ended).toMatchObject({ code: 3, stderr: 'loom: The model answered with 401: bad key\n' })
  })
})

describe('a failure before a turn', () => {
  it('is also part of the JSON on stdout', async () => {
    const words = ['-m', 'openai/gpt-5', 'hi there']
    const one = await loom(['--json', ...words])
    expect(one.code).toBe(3)
    expect(JSON.parse(one.stdout)).toEqual({
      text: '',
      messages: [],
      error: expect.stringContaining('OPENAI_API_KEY'),
    })
    const lines = await loom(['--output-format', 'stream-json', ...words])
    expect(JSON.parse(lines.stdout)).toMatchObject({
      type: 'data-result',
      data: { error: expect.stringContaining('OPENAI_API_KEY') },
    })
  })
})

describe('an address of another server', () => {
  it('gives one line without control characters', async () => {
    for (const [status, type, body, line] of [
      [200, 'text/html', '<html>', /^loom: http:\S+ answers, but it is not a Loom server\.\n$/],
      [200, 'application/json', '[]', /^loom: http:\S+ answers, but it is not a Loom server\.\n$/],
      [404, 'text/plain', '\u001b]0;title\u0007', /^loom: The server says: ␛\]0;title␇\n$/],
    ] as const) {
      await using server = await openResponder(status, type, body)
      for (const words of [
        ['--url', server.root, 'hi there'],
        ['sessions', '--url', server.root],
      ]) {
        const { code, stderr } = await loom(words)
        expect(stderr).toMatch(line)
        expect(code).toBe(2)
      }
    }
  })
})

describe('a state folder that cannot be written', () => {
  // Not even root can create a folder in it.
  const environment = { XDG_STATE_HOME: '/dev/null' }

  it('loses no answer', async () => {
    const named = await loom(['--session', 's', 'What is 6*7?', '--json'], { environment })
    expect(JSON.parse(named.stdout)).toMatchObject({ text: '6 × 7 = **42**' })
    expect(named.stderr).toMatch(/loom: Sessions cannot be kept in \/dev\/null\S+: ENOTDIR.*\n$/)
    expect(named.code).toBe(1)
    const input = 'What is 6*7?\nWhat is 6*8?\n'
    const talk = await loom(['-i'], { input, environment })
    expect(talk.stdout).toMatch(/42.*48/s)
    expect(talk.stderr.match(/cannot be kept/g)).toHaveLength(1)
    expect(talk.code).toBe(1)
  })

  it('has no sessions', async () => {
    expect(await loom(['sessions'], { environment })).toMatchObject({ code: 0, stderr: '' })
    for (const words of [
      ['--continue', 'hi there'],
      ['sessions', '--rm', 's'],
    ]) {
      const { code, stderr } = await loom(words, { environment })
      expect(stderr).toMatch(/^loom: There is no session .*\n$/)
      expect(code).toBe(2)
    }
  })
})

describe('a HOME that is no path', () => {
  it.each(['', 'relative'])('is not used: %j', async (HOME) => {
    const directory = await folder()
    const state = { XDG_STATE_HOME: await folder() }
    for (const environment of [{ HOME, ...state }, { HOME }]) {
      const answer = await loom(['What is 6*7?'], { environment, directory })
      expect(answer).toMatchObject({ code: 0, stdout: '6 × 7 = **42**\n' })
      expect(answer.stderr).not.toContain('loom:')
    }
    await loom(['--session', 's', 'What is 6*7?'], { environment: { HOME, ...state }, directory })
    expect(await readdir(directory)).toEqual([])
  })
})

describe('a session on disk', () => {
  it('contains the messages of two processes', async () => {
    const state = await folder()
    const environment = { XDG_STATE_HOME: state }
    const talk = start(['--session', 's', '-i'], { input: undefined, environment })
    talk.child.stdin?.write('My name is Ada.\n')
    await until(15_000, 'the first answer', () => talk.stdout.includes('meet you, Ada'))
    await loom(['--session', 's', 'What is 6*7?'], { environment })
    talk.child.stdin?.end('Who am I?\n')
    expect((await talk.ended).stdout).toContain('Your name is Ada.')
    const text = await readFile(join(state, 'loom/sessions/s.json'), 'utf8')
    const positions = ['Ada', 'meet you', '6*7', '**42**', 'Who am I', 'Your name'].map((each) =>
      text.indexOf(each),
    )
    expect(positions).toEqual(positions.toSorted((one, other) => one - other))
    expect(positions[0]).toBeGreaterThan(0)
  })

  it('has the name of its file and must be a file', async () => {
    const state = await folder()
    const environment = { XDG_STATE_HOME: state }
    const sessions = join(state, 'loom/sessions')
    await mkdir(join(sessions, 'folder.json'), { recursive: true })
    const session = { id: 'other', agent: 'assistant', createdAt: 1, messages: [] }
    await writeFile(join(sessions, 'copy.json'), JSON.stringify(session))
    const { stdout } = await loom(['sessions'], { environment })
    expect(stdout).toMatch(/^\S+ \S+ {2}copy {2}assistant\n$/)
    const { code, stderr } = await loom(['--session', 'folder', 'hi there'], { environment })
    expect(stderr).toMatch(/^loom: .*folder\.json holds no session of Loom\.\n$/)
    expect(code).toBe(2)
  })
})

describe('--watch', () => {
  it('accepts no message', async () => {
    const { code, stderr } = await loom(['--watch', '--session', 's', 'hi there'])
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'loom: --watch needs a --session to watch, and takes no message.\n',
    })
  })
})
