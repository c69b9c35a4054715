/** `loom mcp`, started by the official clients. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'

import { human } from '../../tools/human.ts'
import { command, folder, start, tidy } from '../cli/command.ts'
import { compileCache } from '../compile-cache.ts'
import { until } from '../redis/until.ts'
import { calls, says } from '../scripted-model.ts'
import { textIn } from './clients.ts'
import { serve } from './served-tools.ts'

afterEach(tidy)

const [file = '', ...first] = command

/** Settings of a server and its callers, which the command ignores. */
const ofServer = {
  HOST: '0.0.0.0',
  LOOM_API_KEYS: 'ada:a-long-secret',
  LOOM_OPERATOR_KEYS: 'ops:another-secret',
  LOOM_TOKEN_SECRET: 'a-secret-of-at-least-32-characters',
  LOOM_JWT_ISSUER: 'https://id.example.com',
  LOOM_PROXY_SECRET: 'a-secret-of-the-proxy',
}

const processOf = (words: readonly string[]) => ({
  command: file,
  args: [...first, 'mcp', ...words],
  env: { PATH: process.env['PATH'] ?? '', ...compileCache(), LOOM_MODEL: 'demo/fast', ...ofServer },
  stderr: 'pipe' as const,
})

/** An agent with a tool that writes to stdout. */
const noisy = `
import { defineAgent, defineTool } from 'loomkit'
import { human } from 'loomkit/tools'
import { z } from 'zod'

const shout = defineTool({
  name: 'shout',
  description: 'Shouts',
  inputSchema: z.object({}),
  execute: () => {
    console.log('A LINE ON STDOUT')
    return 'done'
  },
})
export default defineAgent({ name: 'noisy', systemPrompt: '', tools: [shout, human()] })
`

async function noisyFile(): Promise<string> {
  const path = join(await folder(), 'noisy.ts')
  await writeFile(path, noisy)
  return path
}

const answer = () => ({ action: 'accept' as const, content: { answer: 'next' } })

describe('a client of 2026-07-28', () => {
  it('uses the agents of a file, and answers their questions', async () => {
    const client = new Client(
      { name: 'test', version: '1' },
      { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
    )
    client.setRequestHandler('elicitation/create', answer)
    const transport = new StdioClientTransport(processOf([await noisyFile()]))
    await client.connect(transport)
    onTestFinished(() => client.close())
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['noisy'])
    const call = (message: string) =>
      client
        .callTool({ name: 'noisy', arguments: { message } })
        .then((result) => CallToolResultSchema.parse(result))
    expect(textIn(await call('Use shout {}'))).toContain('done')
    expect(textIn(await call('Use human {"question": "Which branch?"}'))).toContain('next')
  })
})

describe('a client of 2025-11-25', () => {
  it('uses the agents of a file, and answers their questions', async () => {
    const client = new OlderClient(
      { name: 'test', version: '1' },
      { capabilities: { elicitation: {} } },
    )
    client.setRequestHandler(ElicitRequestSchema, answer)
    await client.connect(new OlderTransport(processOf([await noisyFile()])))
    onTestFinished(() => client.close())
    const progress: unknown[] = []
    const call = (message: string) =>
      client
        .callTool({ name: 'noisy', arguments: { message } }, undefined, {
          onprogress: ({ message: text }) => progress.push(text),
        })
        .then((result) => CallToolResultSchema.parse(result))
    expect(textIn(await call('Use shout {}'))).toContain('done')
    expect(progress).toContain('Calls shout.')
    expect(textIn(await call('Use human {"question": "Which branch?"}'))).toContain('next')
  })
})

describe('with the address of a server', () => {
  const serving = () =>
    serve(
      [calls(['human', { question: 'Which branch?' }]), says('Merged.')],
      { tools: [human()] },
      { LOOM_API_KEYS: 'ada:key-of-ada' },
    )
  const urlProcess = (url: string, key: string) => {
    const { env, ...rest } = processOf(['--url', url])
    return { ...rest, env: { ...env, LOOM_API_KEY: key } }
  }

  it('a client of 2026-07-28 uses the agents of the server', async () => {
    const { url } = await serving()
    const client = new Client(
      { name: 'test', version: '1' },
      { capabilities: { elicitation: {} }, versionNegotiation: { mode: { pin: '2026-07-28' } } },
    )
    client.setRequestHandler('elicitation/create', answer)
    await client.connect(new StdioClientTransport(urlProcess(url, 'key-of-ada')))
    onTestFinished(() => client.close())
    const result = await client.callTool({ name: 'tutor', arguments: { message: 'Merge.' } })
    expect(textIn(CallToolResultSchema.parse(result))).toBe('Merged.')
  })

  it('a client of 2025-11-25 uses the agents of the server, or reads why not', async () => {
    const { url } = await serving()
    const open = async (key: string) => {
      const client = new OlderClient(
        { name: 'test', version: '1' },
        { capabilities: { elicitation: {} } },
      )
      client.setRequestHandler(ElicitRequestSchema, answer)
      onTestFinished(() => client.close())
      await client.connect(new OlderTransport(urlProcess(url, key)))
      return client
    }
    const client = await open('key-of-ada')
    const result = await client.callTool({ name: 'tutor', arguments: { message: 'Merge.' } })
    expect(textIn(CallToolResultSchema.parse(result))).toBe('Merged.')
    await expect(open('key-of-nobody')).rejects.toThrow(/401/)
  })
})

describe('the command', () => {
  it('writes only messages to stdout, and ends with stdin', async () => {
    const run = start(['mcp', await noisyFile()], { input: undefined })
    const send = (message: object) =>
      run.child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    const clientInfo = { name: 'test', version: '1' }
    const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo }
    send({ id: 1, method: 'initialize', params })
    send({ method: 'notifications/initialized' })
    const call = { name: 'noisy', arguments: { message: 'Use shout {}' } }
    send({ id: 2, method: 'tools/call', params: call })
    await until(30_000, 'the result', () => run.stdout.includes('"id":2'))
    run.child.stdin?.end()
    const { code, stdout, stderr } = await run.ended
    expect(code).toBe(0)
    expect(stderr).toContain('A LINE ON STDOUT')
    const messages = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(messages).toMatchObject([
      { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-06-18' } },
      { jsonrpc: '2.0', id: 2, result: { content: [{ type: 'text' }, { type: 'text' }] } },
    ])
  })

  it('ends at SIGTERM', async () => {
    const run = start(['mcp'], { input: undefined })
    await until(30_000, 'the start', () => run.stderr.includes('as MCP tools'))
    run.child.kill('SIGTERM')
    expect(await run.ended).toMatchObject({ code: 0, stdout: '' })
  })
})
