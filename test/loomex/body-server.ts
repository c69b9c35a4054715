/** An OpenAI-compatible API that keeps the bodies and keys of its requests. */
import { once } from 'node:events'
import { createServer } from 'node:http'

import { createModels, type Models } from '../../src/index.ts'

export interface BodyServer extends AsyncDisposable {
  /** The address with `/v1`, as a setting has it. */
  url: string
  /** Models of the provider `up`, which is this server. */
  models: Models
  readonly bodies: readonly object[]
  /** The path and the `authorization` of each request. */
  readonly requests: readonly { path: string | undefined; key: string | undefined }[]
}

const chunks = [
  { choices: [{ delta: { role: 'assistant', content: 'Hello.' } }] },
  { choices: [{ delta: {}, finish_reason: 'stop' }] },
]

export async function bodyServer(): Promise<BodyServer> {
  const bodies: object[] = []
  const requests: { path: string | undefined; key: string | undefined }[] = []
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      bodies.push(Object(JSON.parse(text)))
      requests.push({ path: request.url, key: request.headers.authorization })
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const chunk of chunks) response.write(`data: ${JSON.stringify(chunk)}\n\n`)
      response.end('data: [DONE]\n\n')
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The server has no port.')
  const { port } = address
  const url = `http://127.0.0.1:${port}/v1`
  return {
    url,
    models: createModels({ environment: { UP_BASE_URL: url } }),
    bodies,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
