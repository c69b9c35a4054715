/** A TCP proxy that closes a connection after an event, so that undici and browsers see a real cut. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

import { localhost, portOf } from '../redis/server.ts'

export interface CutProxy extends AsyncDisposable {
  url: string
  /**
   * The next request's connection ends after this number of events, with a FIN or (all at once) with a
   * RST.
   */
  cutNext(after: number, how: 'end' | 'reset'): void
  readonly cuts: number
}

export async function startCutProxy(url: string): Promise<CutProxy> {
  let next: { left: number; how: 'end' | 'reset' } | undefined
  let cuts = 0
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), localhost)
    let fate: typeof next
    for (const socket of [client, upstream]) socket.on('error', () => {})
    client.on('data', (bytes) => {
      if (/^(?:GET|POST) /.test(bytes.toString('latin1'))) {
        fate = next
        next = undefined
      }
      upstream.write(bytes)
    })
    upstream.on('data', (data) => {
      const bytes = Buffer.from(data)
      const end = fate === undefined ? undefined : endOf(bytes, fate)
      if (end === undefined || fate === undefined) return client.write(bytes)
      const isReset = fate.how === 'reset'
      cuts += 1
      upstream.destroy()
      client.write(bytes.subarray(0, end))
      return isReset ? client.resetAndDestroy() : client.end()
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.end())
  }).listen(0, localhost)
  await once(server, 'listening')
  return {
    url: `http://${localhost}:${portOf(server)}`,
    get cuts() {
      return cuts
    },
    cutNext: (after, how) => void (next = { left: after, how }),
    async [Symbol.asyncDispose]() {
      server.close()
      server.unref()
    },
  }
}

/** Returns the position after the last event that passes. Undefined if all these bytes pass. */
function endOf(bytes: Buffer, fate: { left: number }): number | undefined {
  let end = 0
  while (fate.left > 0) {
    const at = bytes.indexOf('\n\n', end)
    if (at === -1) return undefined
    end = at + 2
    fate.left -= 1
  }
  return end
}
