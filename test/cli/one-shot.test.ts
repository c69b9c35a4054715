import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { afterEach, describe, expect, it, vi } from 'vitest'

import { until } from '../redis/until.ts'
import { openUpstream } from '../sessions/upstream.ts'
import { folder, loom, root, start, tidy } from './command.ts'

afterEach(tidy)

// Some tests start the command ten times.
vi.setConfig({ testTimeout: 120_000 })

const mine = join(root, 'test/cli/files/agent.ts')

describe('a question', () => {
  it('has its answer on stdout and tools on stderr', async () => {
    const { code, stdout, stderr } = await loom(['What is 6 * 7?'])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '6 × 7 = **42**\n' })
    expect(stderr).toBe('● calculator 6 * 7\n  └ 42\n')
  })

  it('may be several words after options', async () => {
    expect((await loom(['--quiet', 'What', 'is', '6*7?'])).stdout).toContain('42')
    expect((await loom(['chat', '--tools', 'calculator', 'What is 6*7?'])).stdout).toContain('42')
  })

  it('contains piped text, or is piped text', async () => {
    const model = { LOOM_MODEL: 'demo/echo' }
    const both = await loom(['summarize this'], { input: 'line 1\nline 2\n', environment: model })
    expect(both.stdout).toBe('summarize this\n\nline 1\nline 2\n')
    expect((await loom(['-'], { input: 'all of it\n', environment: model })).stdout).toBe(
      'all of it\n',
    )
    expect((await loom([], { input: 'all of it', environment: model })).stdout).toBe('all of it\n')
  })

  it('splits no character and loses no text', async () => {
    const text = '🧵é中'.repeat(60_000)
    const { code, stdout } = await loom([], {
      input: text,
      environment: { LOOM_MODEL: 'demo/echo', LOOM_STEP_MS: '20000' },
    })
    expect(code).toBe(0)
    expect(stdout.length).toBe(text.length + 1)
    expect(stdout).toBe(`${text}\n`)
  })

  it('over 4 MiB is refused', async () => {
    const { code, stderr } = await loom([], { input: 'x'.repeat(4 * 1024 * 1024 + 1) })
    expect({ code, stderr }).toEqual({ code: 2, stderr: 'loom: stdin holds more than 4 MiB.\n' })
  })

  it('without text is a usage error', async () => {
    const { code, stdout, stderr } = await loom([])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^loom: There is no question: .*\n$/)
  })

  it('that is almost a command gets a hint', async () => {
    for (const [word, near] of [
      ['serv', 'serve'],
      ['chatt', 'chat'],
      ['model', 'models'],
      ['complition', 'completion'],
    ] as const) {
      const { code, stderr } = await loom([word])
      expect(code).toBe(2)
      expect(stderr).toContain(`Did you mean "loom ${near}"?`)
    }
    // A word that is not similar, and a word after `chat`, are questions.
    expect((await loom(['hello'])).code).toBe(0)
    expect((await loom(['chat', 'chatt'])).code).toBe(0)
  })

  it('is not sent with an unknown option', async () => {
    const { code, stdout, stderr } = await loom(['--tool', 'calculator', 'hi there'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^loom: unknown option '--tool'\n\(Did you mean --tools\?\)\n$/)
  })

  it('for a model without a key ends with code 3', async () => {
    const { code, stdout, stderr } = await loom(['-m', 'openai/gpt-5', 'hi there'])
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toMatch(/^loom: .*OPENAI_API_KEY.*\n$/)
  })

  it('for an unknown agent or tool lists the known ones', async () => {
    const agent = await loom(['-a', 'nobody', 'hi there'])
    expect(agent.code).toBe(2)
    expect(agent.stderr).toMatch(/^loom: There is no agent "nobody". There are: assistant, .*\n$/)
    const tool = await loom(['-t', 'nothing', 'hi there'])
    expect(tool.code).toBe(2)
    expect(tool.stderr).toMatch(/^loom: There is no tool "nothing". There are: calculator, .*\n$/)
  })

  it('ignores the settings of a server', async () => {
    const environment = {
      HOST: '0.0.0.0',
      PORT: 'nonsense',
      LOOM_OPERATOR_KEYS: 'ops:another-secret',
      LOOM_TOKEN_SECRET: 'a-secret-of-at-least-32-characters',
      LOOM_JWT_ISSUER: 'https://id.example.com',
      LOOM_PROXY_SECRET: 'a-secret-of-the-proxy',
    }
    expect((await loom(['What is 6*7?'], { environment })).code).toBe(0)
  })
})

describe('an answer for a program', () => {
  it('is one object with `--json`', async () => {
    const { code, stdout } = await loom(['--json', 'What is 6 * 7?'])
    expect(code).toBe(0)
    expect(stdout.endsWith('}\n')).toBe(true)
    const result: unknown = JSON.parse(stdout)
    expect(result).toMatchObject({
      text: '6 × 7 = **42**',
      finishReason: 'stop',
      steps: 2,
      usage: { outputTokens: expect.any(Number) },
      sessionId: expect.any(String),
      durationMs: expect.any(Number),
      messages: [{ role: 'user' }, { role: 'assistant' }],
    })
  })

  it('is one event per line with `stream-json`', async () => {
    const { stdout } = await loom(['--output-format', 'stream-json', 'What is 6 * 7?'])
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line): { type: string; data?: unknown } => JSON.parse(line))
    const types = events.map(({ type }) => type)
    expect(types.slice(0, 2)).toEqual(['start', 'start-step'])
    expect(types.slice(-2)).toEqual(['finish', 'data-result'])
    expect(types).toContain('tool-output-available')
    expect(events.at(-1)?.data).toMatchObject({ text: '6 × 7 = **42**' })
  })

  it('is also printed if a limit ends it', async () => {
    await using upstream = await openUpstream(0)
    const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }
    const { code, stdout } = await loom(['--json', '--max-steps', '2', 'steps: 5'], { environment })
    expect(code).toBe(4)
    expect(JSON.parse(stdout)).toMatchObject({ steps: 2, finishReason: 'tool-calls' })
  })
})

describe('styles', () => {
  it('need a terminal or `FORCE_COLOR`', async () => {
    const plain = await loom(['Show me markdown'])
    expect(plain.stdout).toContain('**bold**')
    const forced = await loom(['Show me markdown'], { environment: { FORCE_COLOR: '1' } })
    expect(forced.stdout).toContain('\u001b[1mbold\u001b[22m')
    expect(forced.stdout).not.toContain('**')
    const both = { FORCE_COLOR: '1', NO_COLOR: '1' }
    expect((await loom(['Show me markdown'], { environment: both })).stdout).toBe(plain.stdout)
  })
})

describe('an agent of the user’s own', () => {
  it('is a file that may import loom', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'agent.ts'), await readFile(mine, 'utf8'))
    const { code, stderr } = await loom(['--agent', './agent.ts', 'Use patch a.ts'], { directory })
    // On a busy machine the result also shows its time.
    expect(stderr).toMatch(/● patch a\.ts\n {2}└ a\.ts(?: \(\d\S* s\))?\n {4}@@ -1,2 \+1,2 @@\n/)
    expect(code).toBe(0)
  })

  it('may import nothing, like its tools', async () => {
    const directory = await folder()
    await writeFile(
      join(directory, 'tool.mjs'),
      `export const shout = {
        name: 'shout',
        description: 'Shouts.',
        retry: 'safe',
        inputSchema: { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] },
        execute: ({ text }) => text.toUpperCase(),
      }`,
    )
    await writeFile(
      join(directory, 'agent.mjs'),
      `export default { name: 'plain', systemPrompt: 'You are plain.' }`,
    )
    const words = ['--agent', './agent.mjs', '--tools', './tool.mjs,clock', 'Use shout for joy']
    const { code, stdout, stderr } = await loom(words, { directory })
    expect(stderr).toContain('● shout')
    expect(stdout).toContain('JOY')
    expect(code).toBe(0)
    await writeFile(
      join(directory, 'both.mjs'),
      `import { shout } from './tool.mjs'
      export default { name: 'plain', systemPrompt: 'You are plain.', tools: [shout] }`,
    )
    const own = await loom(['--agent', './both.mjs', 'Use shout for joy'], { directory })
    expect(own).toMatchObject({ code: 0, stdout: expect.stringContaining('JOY') })
  })

  it('that is wrong gives one line and code 3', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'broken.ts'), 'export const x = (')
    await writeFile(join(directory, 'empty.ts'), 'export const x = 1')
    await writeFile(join(directory, 'throws.mjs'), `\nthrow new Error('no luck')`)
    const tools = `export default { name: 'x', systemPrompt: 'x', tools: 5 }`
    await writeFile(join(directory, 'tools.mjs'), tools)
    for (const [file, line] of [
      ['./missing.ts', /^loom: There is no file \.\/missing\.ts\.\n$/],
      ['./broken.ts', /^loom: \.\/broken\.ts:1 cannot be loaded: /],
      ['./empty.ts', /^loom: \.\/empty\.ts exports no agent: .*\n$/],
      ['./throws.mjs', /^loom: \.\/throws\.mjs:2 cannot be loaded: no luck\n$/],
      [
        './tools.mjs',
        /^loom: \.\/tools\.mjs: tools must be a list, or a function that returns a list\.\n$/,
      ],
    ] as const) {
      const { code, stderr } = await loom(['--agent', file, 'hi there'], { directory })
      expect(stderr).toMatch(line)
      expect(code).toBe(3)
    }
  })
})

describe('a file that never settles', () => {
  it('ends with exit code 1', async () => {
    const directory = await folder()
    await writeFile(join(directory, 'waits.mjs'), 'await new Promise(() => undefined)')
    const { code, stdout, stderr } = await loom(['--agent', './waits.mjs', 'hi'], { directory })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toBe(
      'loom: ended early: a tool or model waits for something that can never come\n',
    )
  })
})

describe('a tool with effects', () => {
  const ask = (...words: string[]) => loom(['--agent', mine, ...words, 'Use charge 12'])

  it('is refused without a human, and the model reads why', async () => {
    const { code, stdout, stderr } = await ask()
    expect(stderr).toContain(
      'charge was refused: nobody is here to allow it (--allow charge, or --yes)',
    )
    expect(stdout).toContain('Nobody is at the terminal to allow it')
    expect(code).toBe(0)
  })

  it('runs with `--allow` or `--yes`', async () => {
    expect((await ask('--allow', 'bash,charge')).stdout).toContain('charged 12')
    expect((await ask('--yes')).stdout).toContain('charged 12')
    expect((await ask('--allow', 'other')).stdout).not.toContain('charged 12')
  })

  it('gets no answers to its questions', async () => {
    const { stderr, code } = await loom(['--agent', mine, 'Ask me what I like: red or blue'])
    expect(stderr).toContain('No human is here to be asked.')
    expect(code).toBe(0)
  })
})

describe('a control character', () => {
  it('is shown and not executed', async () => {
    const { stderr } = await loom(['--agent', mine, 'Use nasty now'])
    expect(stderr).toContain('before ␛]0;stolen title␇␛[31mred�2Jafter�')
    expect(stderr.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })
})

describe('limits', () => {
  it('end the command with exit code 4', async () => {
    await using upstream = await openUpstream(0)
    const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }
    const steps = await loom(['--max-steps', '2', 'steps: 5'], { environment })
    expect(steps.stderr).toMatch(/loom: stopped after 2 steps \(--max-steps\)\n$/)
    expect(steps.code).toBe(4)
    const time = await loom(['--timeout', '4', 'steps: 1 hold'], { environment })
    expect(time.stdout).toBe('Step 1: one two\n')
    expect(time.stderr).toMatch(/loom: stopped after 4 s \(--timeout\)\n$/)
    expect(time.code).toBe(4)
    const model = { ...environment, LOOM_NEXT_CHUNK_MS: '300' }
    expect((await loom(['steps: 1 hold'], { environment: model })).code).toBe(4)
  })

  it('that are invalid are usage errors', async () => {
    for (const words of [
      ['--max-steps', '0'],
      ['--temperature', 'hot'],
      ['--timeout', '-1'],
      ['--output-format', 'xml'],
      ['--json', '-i'],
      ['--watch'],
      ['--url', 'http://127.0.0.1:1', '--model', 'a/b'],
      ['--url', 'nonsense'],
      ['--session', 'x', '--continue'],
      ['--session', ''],
    ]) {
      expect([words, (await loom([...words, 'hi there'])).code]).toEqual([words, 2])
    }
  })
})

describe('a model that fails', () => {
  it('gives one line and exit code 1', async () => {
    const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: 'http://127.0.0.1:1/v1' }
    const agent = join(await folder(), 'agent.mjs')
    await writeFile(
      agent,
      `export default { name: 'brief', systemPrompt: 'x', retry: { retries: 0 } }`,
    )
    const { code, stdout, stderr } = await loom(['-a', agent, 'hi there'], { environment })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^loom: .+\n$/)
  })
})

describe('a signal', () => {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`${signal} stops the answer, keeps its text, exits with ${code}`, async () => {
      await using upstream = await openUpstream(0)
      const environment = { LOOM_MODEL: 'up/x', UP_BASE_URL: upstream.url }
      const run = start(['--json', 'steps: 1 hold'], { environment })
      await until(10_000, 'the model holds', () => upstream.held === 1)
      run.child.kill(signal)
      const ended = await run.ended
      expect(ended.code).toBe(code)
      expect(JSON.parse(ended.stdout)).toMatchObject({ text: 'Step 1: one two' })
      await until(5000, 'the model call is aborted', () => upstream.aborted === 1)
    })
  }

  it('ends a running tool', async () => {
    const run = start(['--agent', mine, 'Use slow for it'])
    await until(10_000, 'the tool is called', () => run.stderr.includes('● slow'))
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
  })

  it('ends the command at once while it reads stdin', async () => {
    const run = start(['-', 'explain'], { input: undefined })
    await until(10_000, 'it says that it reads', () => run.stderr.includes('reading stdin'))
    run.child.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 130, stdout: '' })
  })
})

describe('a reader that closes the pipe', () => {
  it('ends the command without an error', async () => {
    const run = start(['Tell me a story'], { environment: { LOOM_MODEL: 'demo/assistant' } })
    await until(10_000, 'the first words', () => run.stdout !== '')
    run.child.stdout?.destroy()
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
  })

  it('does not fail the other commands', async () => {
    const run = start(['--help'])
    run.child.stdout?.destroy()
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe('sessions', () => {
  it('with a name are stored privately and can continue', async () => {
    const state = await folder()
    const environment = { XDG_STATE_HOME: state }
    const say = (...words: string[]) => loom(words, { environment })
    await say('My name is Ada.')
    expect(await readdir(state)).toEqual([])
    expect((await say('--continue', 'Who am I?')).code).toBe(2)
    await say('--session', 'first', 'My name is Ada.')
    expect((await say('--session', 'first', 'Who am I?')).stdout).toBe('Your name is Ada.\n')
    await say('--session', 'second', 'What is 2 + 2?')
    const second = await say('--continue', 'What did I say?')
    expect(second.stdout).toBe('You said: “What is 2 + 2?”\n')
    // A session continues with its own agent.
    await say('--session', 'third', '--agent', 'researcher', 'What is 2 + 2?')
    await say('--continue', 'What did I say?')
    const { agent }: { agent: string } = JSON.parse(
      await readFile(join(state, 'loom/sessions/third.json'), 'utf8'),
    )
    expect(agent).toBe('researcher')
    await say('sessions', '--rm', 'third')
    const path = join(state, 'loom/sessions/first.json')
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect((await stat(join(state, 'loom/sessions'))).mode & 0o777).toBe(0o700)
    const listed = await say('sessions')
    expect(listed.stdout).toMatch(
      /^\S+ \S+ {2}second {2}What is 2 \+ 2\?\n\S+ \S+ {2}first {2}My name is Ada\.\n$/,
    )
    expect(JSON.parse((await say('sessions', '--json')).stdout)).toMatchObject({
      sessions: [{ id: 'second' }, { id: 'first', title: 'My name is Ada.' }],
    })
    expect((await say('sessions', '--rm', 'first')).code).toBe(0)
    expect((await say('sessions', '--rm', 'first')).code).toBe(2)
    expect(await readdir(join(state, 'loom/sessions'))).toEqual(['second.json'])
  })

  it('with a path as name, or wrong content, are refused', async () => {
    const state = await folder()
    const environment = { XDG_STATE_HOME: state }
    const outside = await loom(['--session', '../x', 'hi there'], { environment })
    expect(outside.code).toBe(2)
    await loom(['--session', 'x', 'hi there'], { environment })
    await writeFile(join(state, 'loom/sessions/x.json'), '{"id":"x"}')
    const broken = await loom(['--session', 'x', 'hi there'], { environment })
    expect(broken.stderr).toMatch(/^loom: .*x\.json holds no session of Loom\.\n$/)
    expect(broken.code).toBe(2)
  })

  it('keep the text of a stopped answer', async () => {
    await using upstream = await openUpstream(0)
    const environment = {
      XDG_STATE_HOME: await folder(),
      LOOM_MODEL: 'up/x',
      UP_BASE_URL: upstream.url,
    }
    const run = start(['--session', 's', 'steps: 1 hold'], { environment })
    await until(10_000, 'the model holds', () => upstream.held === 1)
    run.child.kill('SIGINT')
    await run.ended
    upstream.letGo()
    await loom(['--session', 's', 'steps: 1'], { environment })
    const [lastCall] = upstream.calls.slice(-1)
    expect(JSON.stringify(lastCall?.messages)).toContain('Step 1: one two')
  })
})

describe('one message per line', () => {
  it('makes a conversation without a terminal', async () => {
    const environment = { XDG_STATE_HOME: await folder() }
    const input = 'My name is Ada.\n/cost\n\nWho am I?\n/nonsense\n'
    const { code, stdout, stderr } = await loom(['-i'], { input, environment })
    expect(stdout).toContain('Your name is Ada.\n')
    expect(stderr).toContain('1 answer in this talk')
    expect(stderr).toContain('There is no command /nonsense')
    expect(code).toBe(1)
  })
})
