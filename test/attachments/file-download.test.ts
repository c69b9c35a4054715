/** The download of a file that a client names: no private network, and bounds of size, time, redirects and type. */
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request as httpsRequest } from 'node:https'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import {
  type DownloadWorld,
  type HostAddress,
  withDownloads,
} from '../../src/attachments/file-download.ts'
import { defineAgent } from '../../src/index.ts'
import { scriptedModel } from '../scripted-model.ts'
import { openServed } from '../sessions/served.ts'

const tls = (name: string) => readFileSync(join(import.meta.dirname, '../redis/tls', name))

const png = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(5000, 7)])

const publicAddress = { address: '93.184.215.14', family: 4 }

/** The answers of the server by path. */
const answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/cat.png': (_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(png),
  '/untyped': (_, response) => response.writeHead(200).end(png),
  '/page': (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
  '/gone': (_, response) => response.writeHead(404).end(),
  '/empty': (_, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(),
  '/large': (_, response) =>
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': 20_001 }).end(),
  '/endless'(_, response) {
    response.writeHead(200, { 'content-type': 'image/png' })
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(1000)));
    }
    response.on('drain', more)
    more()
  },
  '/silent': (_, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).flushHeaders(),
  '/packed': (_, response) =>
    response.writeHead(200, { 'content-type': 'image/png', 'content-encoding': 'gzip' }).end('x'),
  '/to-cat': (_, response) => response.writeHead(302, { location: '/cat.png' }).end(),
  '/to-itself': (_, response) => response.writeHead(302, { location: '/to-itself' }).end(),
  '/to-private-name': (_, response) =>
    response.writeHead(302, { location: 'https://inside.example.com/cat.png' }).end(),
  '/to-metadata': (_, response) =>
    response.writeHead(302, { location: 'https://169.254.169.254/latest' }).end(),
  '/to-http': (_, response) =>
    response.writeHead(302, { location: 'http://files.example.com/cat.png' }).end(),
}

const server = createServer(
  { key: tls('key.pem'), cert: tls('certificate.pem') },
  (request, response) => answers[request.url ?? '']?.(request, response),
)
let port = 0
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  port = typeof address === 'object' ? (address?.port ?? 0) : 0
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

/** A network in which every connection to a checked address reaches the test server. */
function openNetwork(names: Record<string, readonly HostAddress[]> = {}, limitMs = 20_000) {
  const connections: string[] = []
  const resolved: string[] = []
  const world: DownloadWorld = {
    limitMs,
    bytesMax: 20_000,
    async resolve(host) {
      resolved.push(host)
      return names[host] ?? [publicAddress]
    },
    request: (url, options) =>
      httpsRequest(url, {
        ...options,
        port,
        rejectUnauthorized: false,
        lookup(host, { all }, callback) {
          options.lookup?.(host, { all: true }, (_, found) => {
            connections.push(`${host} ${JSON.stringify(found)}`)
            if (all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
            else callback(null, '127.0.0.1', 4)
          })
        },
      }),
  }
  return { world, connections, resolved }
}

const messageOf = (url: string, mediaType = 'image/png') => ({
  id: 'm1',
  role: 'user' as const,
  parts: [
    { type: 'text' as const, text: 'Look.' },
    { type: 'file' as const, mediaType, filename: 'cat.png', url },
  ],
})

const fault = async (path: string, names?: Record<string, readonly HostAddress[]>) => {
  // Only the silent server must reach the limit, also on a busy machine.
  const { world, connections } = openNetwork(names, path === '/silent' ? 300 : undefined)
  const url = path.startsWith('/') ? `https://files.example.com${path}` : path
  const error: unknown = await withDownloads(messageOf(url), world).catch(
    (reason: unknown) => reason,
  )
  return { error, connections }
}

describe('a download', () => {
  it.each(['/cat.png', '/untyped', '/to-cat'])(
    'of %s gives the model the content',
    async (path) => {
      const { world, connections, resolved } = openNetwork()
      const { parts } = await withDownloads(messageOf(`https://files.example.com${path}`), world)
      expect(parts[1]).toEqual({
        type: 'file',
        mediaType: 'image/png',
        filename: 'cat.png',
        url: `data:image/png;base64,${png.toString('base64')}`,
      })
      // The connection goes to the address that was checked, so a second answer of the resolver changes nothing.
      const hops = path === '/to-cat' ? 2 : 1
      const connection = `files.example.com ${JSON.stringify([publicAddress])}`
      expect(connections).toEqual(Array.from({ length: hops }, () => connection))
      expect(resolved).toHaveLength(hops)
    },
  )

  it.each([
    ['10.1.2.3', 4],
    ['127.0.0.1', 4],
    ['169.254.169.254', 4],
    ['100.64.0.1', 4],
    ['168.63.129.16', 4],
    ['224.0.0.1', 4],
    ['0.0.0.0', 4],
    ['::1', 6],
    ['fd00::1', 6],
    ['fe80::1', 6],
    ['ff02::1', 6],
    ['::ffff:192.168.0.1', 6],
    ['::ffff:7f00:1', 6],
    ['64:ff9b::a00:1', 6],
  ])('does not connect to a name with the address %s', async (address, family) => {
    for (const found of [[{ address, family }], [publicAddress, { address, family }]]) {
      const { error, connections } = await fault('/cat.png', { 'files.example.com': found })
      expect(error).toMatchObject({
        code: 'invalid-request',
        message: expect.stringContaining('its host is in a private network'),
      })
      expect(connections).toEqual([])
    }
  })

  it.each([
    ['/to-private-name', /its host is in a private network/],
    ['/to-metadata', /an address of a private network/],
    ['/to-http', /its URL begins with "http:"/],
    ['/to-itself', /redirects more than 3 times/],
    ['/large', /more than 20000 bytes/],
    ['/endless', /more than 20000 bytes/],
    ['/silent', /took more than 300 ms/],
    ['/packed', /the encoding gzip/],
    ['/page', /sent text\/html, and the message says image\/png/],
    ['/gone', /answered with status 404/],
    ['/empty', /an empty file/],
    ['https://127.0.0.1/cat.png', /an address of a private network/],
    ['https://[::ffff:10.0.0.1]/cat.png', /an address of a private network/],
    ['https://ada:secret@files.example.com/cat.png', /has a password/],
    ['https://nowhere.example.com/cat.png', /has no address/],
  ])('of %s is refused with the reason', async (path, reason) => {
    const { error } = await fault(path, {
      'inside.example.com': [{ address: '192.168.1.1', family: 4 }],
      'nowhere.example.com': [],
    })
    expect(error).toMatchObject({ code: 'invalid-request', message: expect.stringMatching(reason) })
    expect(String(error)).toContain('The file "cat.png" cannot be read')
  })

  it('is made for at most 10 files of a message', async () => {
    const { world } = openNetwork()
    const { parts, ...message } = messageOf('https://files.example.com/cat.png')
    const [, file] = parts
    if (file === undefined) throw new Error('the message has no file')
    const many = { ...message, parts: Array.from({ length: 11 }, () => file) }
    await expect(withDownloads(many, world)).rejects.toThrow(/at most 10 files/)
  })

  it('is made by a server with LOOM_FILE_URLS=download, before anything is stored', async () => {
    const agent = defineAgent({ name: 'a', systemPrompt: 'Look.', model: scriptedModel() })
    await using served = await openServed([agent], {
      LOOM_STORE: 'memory',
      LOOM_FILE_URLS: 'download',
    })
    const body = { id: 'c', message: messageOf(`https://unresolvable.example/cat.png`) }
    const response = await fetch(served.api, { method: 'POST', body: JSON.stringify(body) })
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringMatching(/^The file "cat.png" cannot be read: its (?:server|host|download)/),
    ])
    expect((await fetch(`${served.api}/c`)).status).toBe(404)
  })
})
