/**
 * A port for a server that a test starts. It lies below the range from which Linux, macOS and Windows
 * take the ports of outgoing connections: such a connection can take a port of that range between this
 * check and the start of the server, or while the server is down between two starts.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'

const first = 11_000
/** The bus of a Redis cluster is 10,000 above its port, and stays below the range as well. */
const count = 11_000
const taken = new Set<number>()

/** A port of 127.0.0.1 at which nothing listens. It returns each port once in a process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = first + Math.floor(Math.random() * count)
    if (taken.has(port) || !(await isFree(port)) || !(await isFree(port + 10_000))) continue
    taken.add(port)
    return port
  }
  throw new Error(`no free port between ${first} and ${first + count}`)
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  server.close()
  await once(server, 'close')
  return true
}
