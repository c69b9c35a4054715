/**
 * The lower limit: it passes request and answer on, byte for byte, with Node's own HTTP. The cost
 * of a server beyond this is its own; the cost of this is Node's.
 */
import { Agent, createServer, request } from 'node:http'

const agent = new Agent({ keepAlive: true })
const upstream = new URL(process.env['BENCH_BASE_URL'] ?? '')

const server = createServer((incoming, outgoing) => {
  const upstreamRequest = request(
    {
      agent,
      host: upstream.hostname,
      port: upstream.port,
      path: incoming.url,
      method: incoming.method,
      headers: {
        'content-type': 'application/json',
        'content-length': incoming.headers['content-length'],
      },
    },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, {
        'content-type': answer.headers['content-type'],
      })
      answer.pipe(outgoing)
    },
  )
  upstreamRequest.on('error', (error) => outgoing.destroy(error))
  outgoing.on('close', () => upstreamRequest.destroy())
  incoming.pipe(upstreamRequest)
})

server.listen(Number(process.env['PORT']), '127.0.0.1')
