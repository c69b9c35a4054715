/**
 * A master, a replica, and a sentinel that fails over within seconds. One sentinel is a majority of one.
 * Several would need seconds to find each other.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { freePort, localhost, startServer } from './server.ts'
import type { RedisServer } from './server.ts'
import { until } from './until.ts'

export interface RunningSentinel extends AsyncDisposable {
  url: string
  master: RedisServer
  replica: RedisServer
  /** Resolves when the replica is the master. */
  failedOver(): Promise<void>
}

export async function startSentinel(): Promise<RunningSentinel> {
  await using stack = new AsyncDisposableStack()
  const master = stack.use(await startServer(['--save', '', ...quickSync]))
  const replica = stack.use(
    await startServer(['--save', '', ...quickSync, '--replicaof', localhost, String(master.port)]),
  )
  // This comes first, because a sentinel looks for new replicas every ten seconds.
  await until(20_000, 'the replica follows', async () =>
    (await replica.client.info('replication')).includes('master_link_status:up'),
  )
  const sentinel = stack.use(await startOneSentinel(master.port))
  await until(20_000, 'the sentinel knows the replica', async () =>
    (await sentinel.client.info('sentinel')).includes('slaves=1'),
  )
  const owned = stack.move()
  // One of the listed sentinels is down, as in production.
  const hosts = `${localhost}:${await freePort()},${localhost}:${sentinel.port}`
  return {
    url: `redis+sentinel://${hosts}/main`,
    master,
    replica,
    failedOver: () =>
      until(20_000, 'the replica is the master', async () =>
        (await replica.client.info('replication')).includes('role:master'),
      ),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

const quickSync = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0']

/** Sentinels write to their configuration, so each has its own file. */
function startOneSentinel(masterPort: number): Promise<RedisServer> {
  return startServer([], async (folder) => {
    const file = join(folder, 'sentinel.conf')
    await writeFile(
      file,
      [
        `sentinel monitor main ${localhost} ${masterPort} 1`,
        'sentinel down-after-milliseconds main 500',
        'sentinel failover-timeout main 3000',
        'sentinel parallel-syncs main 1',
        '',
      ].join('\n'),
    )
    return [file, '--sentinel']
  })
}
