/** A cluster of three masters without replicas. */
import { startServer } from './server.ts'
import type { RedisServer } from './server.ts'
import { until } from './until.ts'

export interface RunningCluster extends AsyncDisposable {
  url: string
  nodes: readonly RedisServer[]
}

const slots = 16_384
const masters = 3

export async function startCluster(): Promise<RunningCluster> {
  await using stack = new AsyncDisposableStack()
  const nodes: { node: RedisServer; bus: number }[] = []
  while (nodes.length < masters) {
    const node = stack.use(
      await startServer([
        '--save',
        '',
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        '2000',
        '--cluster-config-file',
        'nodes.conf',
      ]),
    )
    // `freePort` also finds the port of the bus free.
    nodes.push({ node, bus: node.port + 10_000 })
  }
  await join(nodes)
  const owned = stack.move()
  return {
    url: `redis+cluster://${nodes.map(({ node }) => `${node.host}:${node.port}`).join(',')}`,
    nodes: nodes.map(({ node }) => node),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

async function join(nodes: readonly { node: RedisServer; bus: number }[]): Promise<void> {
  const share = Math.ceil(slots / nodes.length)
  for (const [index, { node }] of nodes.entries()) {
    const last = Math.min(slots, (index + 1) * share) - 1
    await node.client.call('cluster', 'addslotsrange', index * share, last)
    await node.client.call('cluster', 'set-config-epoch', index + 1)
  }
  for (const { node, bus } of nodes) {
    await nodes[0]?.node.client.call('cluster', 'meet', node.host, node.port, bus)
  }
  for (const { node } of nodes) {
    await until(20_000, `${node.port} is part of a cluster`, async () => {
      const info = String(await node.client.call('cluster', 'info'))
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${masters}`)
    })
  }
}
