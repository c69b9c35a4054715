/** The reference servers as tools of an agent, with a client of each AI SDK. */
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { type Mcp, openMcp } from '../../src/mcp.ts'
import { calculator } from '../../tools/calculator.ts'
import { sdks } from '../clients/chat-client.ts'
import { openServer } from '../clients/live-server.ts'
import { openPlayer } from '../clients/player.ts'
import { agentOf, record } from '../recorded-run.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { everything, filesystem, startMs } from './stage.ts'

let mcp: Mcp
let folder: string

beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loom-mcp-')))
  await writeFile(join(folder, 'note.txt'), 'a note')
  const command = process.execPath
  const environment = { PATH: process.env['PATH'] }
  mcp = openMcp(
    [
      { name: 'every', command, args: [everything], connectMs: startMs },
      { name: 'files', command, args: [filesystem, folder], connectMs: startMs },
    ],
    { environment },
  )
})
afterAll(async () => {
  await mcp.close()
  await rm(folder, { recursive: true, force: true })
})

function openAgent() {
  const model = scriptedModel(
    calls(
      ['get-sum', { a: 20, b: 22 }],
      ['read_text_file', { path: join(folder, 'note.txt') }],
      ['read_text_file', { path: '/etc/passwd' }],
      ['calculator', { expr: '6 * 7' }],
    ),
    says('So it is.'),
  )
  return { agent: agentOf({ tools: mcp.beside([calculator]), model }), model }
}

/** The results that the model received, in order. */
const expectResults = ({ asked }: ReturnType<typeof scriptedModel>) =>
  expect(asked[1]?.prompt.at(-1)).toMatchObject({
    content: [
      { output: { type: 'text', value: 'The sum of 20 and 22 is 42.' } },
      { output: { type: 'text', value: 'a note' } },
      { output: { type: 'error-text', value: expect.stringMatching(/outside allowed/) } },
      { output: { value: { result: 42 } } },
    ],
  })

it('a run calls MCP tools', async () => {
  const { agent, model } = openAgent()
  const { result } = await record(agent, 'Look.')
  expect(result.text).toBe('So it is.')
  expectResults(model)
})

describe.each(sdks)('$name', (sdk) => {
  it('shows MCP calls and their results over HTTP', async () => {
    const { agent, model } = openAgent()
    await using server = await openServer([agent])
    const { player } = openPlayer(sdk, server.api)
    await player.say('a look', { text: 'Look.' })
    expectResults(model)
    const sum = { content: [{ type: 'text', text: 'The sum of 20 and 22 is 42.' }] }
    const dynamic = { type: 'dynamic-tool' }
    expect(player.parts.filter(({ type }) => String(type).includes('tool'))).toMatchObject([
      { ...dynamic, toolName: 'get-sum', state: 'output-available', output: sum },
      { ...dynamic, toolName: 'read_text_file', state: 'output-available' },
      { ...dynamic, toolName: 'read_text_file', state: 'output-error' },
      { type: 'tool-calculator', state: 'output-available', output: { result: 42 } },
    ])
    expect(player.parts.at(-1)).toMatchObject({ text: 'So it is.' })
    expect(server.reported).toEqual([])
  })
})
