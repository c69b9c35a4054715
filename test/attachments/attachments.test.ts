/** Files in a conversation, over HTTP: if a model cannot read one, later messages still get answers. */
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import {
  createModels,
  defineAgent,
  defineTool,
  Loom,
  type LoomOptions,
  type ModelReference,
  streamAgent,
  openMemoryStore,
  sessionRoutes,
} from '../../src/index.ts'
import { calls, says, scriptedModel } from '../scripted-model.ts'
import { type Family, openApi, type Refusal } from './refusing-api.ts'

interface File {
  mediaType: string
  filename?: string
  url: string
}

/** The part of an answer that these tests read: a refusal has an object, a failed turn a text. */
interface Told {
  text?: string
  error?: string | { message: string }
}

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
const dataUrl = (mediaType: string, text: string) => `data:${mediaType};base64,${base64(text)}`
const png = (name = 'a.png', bytes = '\x89PNG\r\n\x1a\nx'): File => ({
  mediaType: 'image/png',
  filename: name,
  url: dataUrl('image/png', bytes),
})
const user = (id: string, text: string, ...files: File[]) => ({
  id,
  role: 'user',
  parts: [{ type: 'text', text }, ...files.map((file) => ({ type: 'file', ...file }))],
})

const bad: Refusal = { status: 400, body: { error: { message: 'Bad request' } } }

function openApp(model: ModelReference, options: Partial<LoomOptions> = {}) {
  const agent = defineAgent({
    name: 'tester',
    systemPrompt: 'Be brief.',
    model,
    retry: { retries: 0 },
  })
  const models = createModels({ environment: {} })
  const loom = new Loom({ agents: [agent], models, ...options })
  const app = new Hono().route('/ai', sessionRoutes(loom))
  return {
    /** The status, and the text of the answer or of the refusal. */
    ask: async (message: object, id = 'c') => {
      const response = await app.request('/ai/chat', {
        method: 'POST',
        body: JSON.stringify({ id, messages: [message] }),
        headers: { accept: 'application/json' },
      })
      const { text = '', error }: Told = JSON.parse(await response.text())
      return {
        status: response.status,
        text,
        error: typeof error === 'object' ? error.message : error,
      }
    },
    history: async (id = 'c'): Promise<{ parts: unknown[] }[]> => {
      const response = await app.request(`/ai/chat/${id}/messages`)
      return JSON.parse(await response.text())
    },
  }
}

const environments: Record<Family, (url: string) => Record<string, string>> = {
  compatible: (url) => ({ MOCK_BASE_URL: url }),
  anthropic: (url) => ({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: 'k' }),
  google: (url) => ({ GOOGLE_BASE_URL: `${url}beta`, GOOGLE_API_KEY: 'k' }),
  openai: (url) => ({ OPENAI_BASE_URL: url, OPENAI_API_KEY: 'k' }),
}
const references: Record<Family, string> = {
  compatible: 'mock/m',
  anthropic: 'anthropic/m',
  google: 'google/m',
  openai: 'openai/m',
}
const families = ['compatible', 'anthropic', 'google', 'openai'] as const

async function openRefusing(family: Family, refusalOf: (body: string) => Refusal | undefined) {
  const api = await openApi(family, refusalOf)
  const open = (more: Partial<LoomOptions> = {}) => {
    const models = createModels({ environment: environments[family](api.url) })
    return openApp(references[family], { models, ...more })
  }
  return { api, open }
}

describe.each(families)('an image that the API refuses (%s)', (family) => {
  const content = base64('\x89PNG\r\n\x1a\nx')
  const refuse = (body: string) => (body.includes(content) ? bad : undefined)

  it('a refused image leaves the prompt; the model learns it', async () => {
    const { api, open } = await openRefusing(family, refuse)
    const { ask } = open()
    expect(await ask(user('1', 'What is it?', png()))).toMatchObject({ status: 200, text: 'Fine.' })
    expect(api.bodies).toHaveLength(2)
    expect(api.bodies[1]).toContain('File not shown')
  })

  it('a refused image costs one extra request only', async () => {
    const { api, open } = await openRefusing(family, refuse)
    const { ask } = open()
    await ask(user('1', 'What is it?', png()))
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Fine.' })
    expect(api.bodies).toHaveLength(3)
  })

  it('a refused image fails no message after a restart', async () => {
    const { open } = await openRefusing(family, refuse)
    const store = openMemoryStore()
    await open({ store }).ask(user('1', 'What is it?', png()))
    expect(await open({ store }).ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Fine.' })
  })

  it('a refused image removes no other image', async () => {
    const { api, open } = await openRefusing(family, refuse)
    const { ask } = open()
    await ask(user('1', 'What is it?', png()))
    const other = '\x89PNG\r\n\x1a\nother'
    await ask(user('2', 'And this?', png('b.png', other)))
    expect(api.bodies.at(-1)).toContain(base64(other))
  })

  it('a refused image stays in the history', async () => {
    const { open } = await openRefusing(family, refuse)
    const { ask, history } = open()
    await ask(user('1', 'What is it?', png()))
    expect((await history())[0]?.parts).toContainEqual({ type: 'file', ...png() })
  })
})

describe('a refusal of files', () => {
  const spoken: [words: string, status: number][] = [
    ['No endpoints found that support image input', 404],
    ['This model does not support image inputs', 400],
    ['unknown variant `image_url`, expected `text`', 422],
    ['At most 0 image(s) may be provided in one request.', 400],
    ['image input is not supported - hint: you may need to provide the mmproj', 500],
    ['messages[1].content must be a string', 400],
  ]

  it.each(spoken)('"%s" counts as a refusal of files', async (message, status) => {
    const { open } = await openRefusing('compatible', (body) =>
      body.includes('image_url') ? { status, body: { error: { message } } } : undefined,
    )
    const { ask } = open()
    expect(await ask(user('1', 'What is it?', png()))).toMatchObject({ text: 'Fine.' })
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Fine.' })
  })

  it('a model without vision gets no later image either', async () => {
    const error = { message: 'This model does not support image inputs' }
    const { api, open } = await openRefusing('compatible', (body) =>
      body.includes('image_url') ? { status: 400, body: { error } } : undefined,
    )
    const { ask } = open()
    await ask(user('1', 'What is it?', png()))
    await ask(user('2', 'And this?', png('b.png', '\x89PNG\r\n\x1a\nother')))
    expect(api.bodies).toHaveLength(3)
  })

  it('the first error ends a turn without refused files', async () => {
    const { open } = await openRefusing('compatible', () => bad)
    const { error } = await open().ask(user('1', 'What is it?', png()))
    expect(error).toContain('Bad request')
  })

  it.each([401, 402, 429])('status %d is no refusal of files', async (status) => {
    const { api, open } = await openRefusing('compatible', () => ({ ...bad, status }))
    await open().ask(user('1', 'What is it?', png()))
    expect(api.bodies).toHaveLength(1)
  })

  it('a server error on a file fails no later message', async () => {
    const { open } = await openRefusing('compatible', (body) =>
      body.includes('image_url') ? { status: 500, body: {} } : undefined,
    )
    const { ask } = open()
    expect(await ask(user('1', 'What is it?', png()))).toMatchObject({ text: '' })
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Fine.' })
  })

  it('a refusal tries the agent’s next model first', async () => {
    const blind = scriptedModel(new Error('This model does not support image inputs'))
    const seeing = scriptedModel(says('A cat.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'x', model: [blind, seeing] })
    const { ask } = openApp(blind, { agents: [agent] })
    expect(await ask(user('1', 'What is it?', png()))).toMatchObject({ text: 'A cat.' })
    expect(JSON.stringify(seeing.asked[0]?.prompt)).toContain('image/png')
  })

  it('one model’s refusal hides nothing from another model', async () => {
    const blind = scriptedModel(new Error('does not support images'), says('I cannot see it.'))
    const seeing = scriptedModel(says('A cat.'))
    let model: ModelReference = blind
    const agent = defineAgent({ name: 'tester', systemPrompt: 'x', model: () => model })
    const { ask } = openApp(blind, { agents: [agent] })
    await ask(user('1', 'What is it?', png()))
    model = seeing
    await ask(user('2', 'And now?'))
    expect(JSON.stringify(seeing.asked[0]?.prompt)).toContain('"mediaType":"image/png"')
  })
})

describe('a file that is text', () => {
  const files: [mediaType: string, name: string, content: string][] = [
    ['application/json', 'a.json', '{"a": 1}'],
    ['text/csv', 'a.csv', 'a;b\n1;2'],
    ['application/x-yaml', 'a.yaml', 'a: 1'],
    ['application/xml', 'a.xml', '<a/>'],
    ['video/mp2t', 'a.ts', 'export const a = 1'],
    ['image/svg+xml', 'a.svg', '<svg/>'],
    ['application/octet-stream', 'Makefile', 'all:\n\tcc a.c'],
    ['text/plain', 'a.txt', 'plain'],
  ]

  it.each(files)('a text file reaches the model as text (%s)', async (mediaType, name, content) => {
    const { api, open } = await openRefusing('compatible', (body) =>
      body.includes('base64') ? bad : undefined,
    )
    const file = { mediaType, filename: name, url: dataUrl(mediaType, content) }
    expect(await open().ask(user('1', 'Read it.', file))).toMatchObject({ text: 'Fine.' })
    const { messages } = JSON.parse(api.bodies[0] ?? '')
    expect(messages.at(-1).content).toBe(
      `Read it.\n\n<file name="${name}" type="${mediaType}">\n${content}\n</file>`,
    )
  })

  it('a text file may come without a media type', async () => {
    const { api, open } = await openRefusing('compatible', () => undefined)
    const url = `data:;base64,${Buffer.from('fn main() {}').toString('base64')}`
    const { ask } = open()
    await ask(user('1', 'Read it.', { mediaType: '', filename: 'main.rs', url }))
    await ask(user('2', 'And again.'))
    for (const body of api.bodies) expect(body).toContain('fn main() {}')
    expect(api.bodies).toHaveLength(2)
  })

  it('text files in encodings of Windows are decoded', async () => {
    const { api, open } = await openRefusing('compatible', () => undefined)
    const wide = Buffer.from('\ufeffGrüße', 'utf16le').toString('base64')
    await open().ask(
      user(
        '1',
        'Read.',
        { mediaType: 'text/csv', filename: 'a.csv', url: dataUrl('text/csv', 'Gr\xfc\xdfe') },
        { mediaType: 'text/plain', filename: 'b.txt', url: `data:text/plain;base64,${wide}` },
      ),
    )
    expect(api.bodies[0]?.match(/Grüße/g)).toHaveLength(2)
  })
})

describe('a file that no model can read', () => {
  const pdf = dataUrl('application/pdf', '%PDF-1.4 x')
  const refused: [what: string, file: File, reason: RegExp][] = [
    ['a blob: URL', { mediaType: 'image/png', url: 'blob:http://localhost/1' }, /blob:/],
    ['a file: URL', { mediaType: 'image/png', url: 'file:///etc/passwd' }, /file:/],
    ['an http: URL', { mediaType: 'image/png', url: 'http://example.com/a.png' }, /http:/],
    ['an ftp: URL', { mediaType: 'image/png', url: 'ftp://example.com/a.png' }, /ftp:/],
    ...[
      'https://127.0.0.1/a.png',
      'https://0x7f.1/a.png',
      'https://2130706433/a.png',
      'https://10.1.2.3/a.png',
      'https://172.31.0.1/a.png',
      'https://192.168.1.1:8443/a.png',
      'https://100.64.0.1/a.png',
      'https://169.254.169.254/latest/meta-data',
      'https://0.0.0.0/a.png',
      'https://[::1]/a.png',
      'https://[::ffff:10.0.0.1]/a.png',
      'https://[fe80::1]/a.png',
      'https://[fd00:ec2::254]/a.png',
      'https://[64:ff9b::a00:1]/a.png',
      'https://localhost/a.png',
      'https://LOCALHOST./a.png',
      'https://a.localhost/a.png',
      'https://redis/a.png',
      'https://nas.local/a.png',
      'https://metadata.google.internal/a.png',
      'https://user@127.0.0.1/a.png',
    ].map((url): [string, File, RegExp] => [
      url,
      { mediaType: 'image/png', url },
      /private network/,
    ]),
    ['a data: URL without a comma', { mediaType: 'image/png', url: 'data:image/png' }, /comma/],
    ['a broken data: URL', { mediaType: 'image/png', url: 'data:image/png;base64,@@' }, /base64/],
    ['an empty image', { mediaType: 'image/png', url: 'data:image/png;base64,' }, /empty/],
    [
      'a type without a form in the API',
      {
        mediaType: 'application/zip',
        filename: 'a.zip',
        url: dataUrl('application/zip', 'PK\x03\x04'),
      },
      /"a\.zip" \(application\/zip\).*no form/,
    ],
  ]

  it.each(refused)(
    'an unreadable file is refused with a reason: %s',
    async (_what, file, reason) => {
      const { api, open } = await openRefusing('compatible', () => undefined)
      const { ask, history } = open()
      const { status, error } = await ask(user('1', 'What is it?', file))
      expect(status).toBe(400)
      expect(error).toMatch(reason)
      expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Fine.' })
      expect(JSON.stringify(await history())).not.toContain('What is it?')
      expect(api.bodies).toHaveLength(1)
    },
  )

  it('the registry decides which files a model reads', async () => {
    const model = scriptedModel(says('A cat.'), says('Hi.'))
    let input = ['text', 'image']
    const models = { ...createModels({ environment: {} }), facts: async () => ({ input }) }
    const { ask } = openApp(model, { models })
    expect(await ask(user('1', 'What is it?', png()))).toMatchObject({ text: 'A cat.' })
    input = ['text']
    const { status, error } = await ask(user('2', 'And this?', png()))
    expect([status, error]).toEqual([400, expect.stringMatching(/reads text only/)])
    expect(await ask(user('3', 'Say hi.'))).toMatchObject({ text: 'Hi.' })
    expect(JSON.stringify(model.asked[1]?.prompt)).toContain('File not shown')
    const document = { mediaType: 'application/pdf', url: pdf }
    expect(await ask(user('4', 'And this?', document))).toMatchObject({ status: 400 })
  })
})

describe('the output of a tool', () => {
  it('a refused image of a tool fails no later message', async () => {
    const shot = defineTool({
      name: 'shot',
      description: 'A screenshot.',
      inputSchema: z.object({}),
      execute: () => 'x',
      toModelOutput: () => ({
        type: 'content',
        value: [
          { type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'iVBORw0KGgo=' } },
        ],
      }),
    })
    const refusal = new Error('image not supported')
    const model = scriptedModel(calls(['shot', {}]), refusal, says('Done.'), says('Hi.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'x', model, tools: [shot] })
    const { ask } = openApp(model, { agents: [agent] })
    expect(await ask(user('1', 'Look.'))).toMatchObject({ text: 'Done.' })
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Hi.' })
    expect(JSON.stringify(model.asked.at(-1)?.prompt)).not.toContain('iVBORw0KGgo=')
  })

  it('an output in an old format fails no later message', async () => {
    let isBroken = false
    const tool = defineTool({
      name: 'old',
      description: 'A tool.',
      inputSchema: z.object({}),
      execute: () => 'x',
      toModelOutput: () => {
        if (isBroken) throw new Error('an old format')
        return { type: 'text', value: 'x' }
      },
    })
    const model = scriptedModel(calls(['old', {}]), says('Done.'), says('Hi.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'x', model, tools: [tool] })
    const { ask } = openApp(model, { agents: [agent] })
    await ask(user('1', 'Go.'))
    isBroken = true
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Hi.' })
  })
})

describe('a conversation that the client keeps', () => {
  /** Posts to `streamAgent`: the whole history comes with every request. */
  async function post(messages: object[]) {
    const model = scriptedModel(says('Fine.'))
    const agent = defineAgent({ name: 'tester', systemPrompt: 'x', model })
    const app = new Hono().post('/', async (c) =>
      streamAgent(c, agent, (await c.req.json()).messages),
    )
    const response = await app.request('/', { method: 'POST', body: JSON.stringify({ messages }) })
    return { status: response.status, text: await response.text(), asked: model.asked }
  }

  const broken = { mediaType: 'image/png', filename: 'a.png', url: 'blob:http://localhost/1' }
  const answered = { id: 'a', role: 'assistant', parts: [{ type: 'text', text: 'No.' }] }

  it('an unreadable file of the latest message is refused', async () => {
    const { status, text } = await post([user('1', 'What is it?', broken)])
    expect([status, text]).toEqual([400, expect.stringContaining('blob:')])
  })

  it('an unreadable file of an earlier message is ignored', async () => {
    const cut = { mediaType: 'image/png', url: 'data:image/png' }
    const earlier = user('1', 'What are they?', cut, broken)
    const { text, asked } = await post([earlier, answered, user('2', 'Say hi.')])
    expect(text).toContain('Fine.')
    expect(JSON.stringify(asked[0]?.prompt).match(/File not shown/g)).toHaveLength(2)
  })
})

describe('a file that a model made', () => {
  it('a generated file that a model refuses fails nothing', async () => {
    const image = { type: 'data' as const, data: 'iVBORw0KGgo=' }
    const painter = [
      { type: 'file' as const, mediaType: 'image/png', data: image },
      ...says('Here.'),
    ]
    const model = scriptedModel(painter, new Error('file parts are not supported'), says('Hi.'))
    const { ask } = openApp(model)
    await ask(user('1', 'Paint.'))
    expect(await ask(user('2', 'Say hi.'))).toMatchObject({ text: 'Hi.' })
    expect(JSON.stringify(model.asked.at(-1)?.prompt)).not.toContain('iVBORw0KGgo=')
  })
})
