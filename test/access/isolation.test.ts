/** The isolation suite in one process, and over two instances on one Redis. */
import { describe } from 'vitest'

import { createApp } from '../../routes/app.ts'
import { readConfig } from '../../src/config.ts'
import { Loom } from '../../src/index.ts'
import { startRedis } from '../redis/redis.ts'
import { openServed } from '../sessions/served.ts'
import { settings } from './isolation/stage.ts'
import { isolationSuite } from './isolation/suite.ts'

describe('in one process', () => {
  isolationSuite(async ({ lead, slow }) => {
    const config = readConfig(settings)
    const loom = new Loom({ agents: [lead, slow], limits: config.limits })
    const app = createApp({ loom, config })
    return {
      fetch: [(path, init) => app.request(path, init)],
      [Symbol.asyncDispose]: () => loom.close(),
    }
  })
})

describe('on two instances with Redis', () => {
  isolationSuite(async ({ lead, slow }) => {
    await using stack = new AsyncDisposableStack()
    const redis = stack.use(await startRedis())
    const environment = { ...settings, REDIS_URL: redis.url }
    const first = stack.use(await openServed([lead, slow], environment))
    const second = stack.use(await openServed([lead, slow], environment))
    const owned = stack.move()
    return {
      fetch: [first, second].map(({ url }) => (path: string, init: RequestInit) => {
        return fetch(`${url}${path}`, init)
      }),
      [Symbol.asyncDispose]: () => owned.disposeAsync(),
    }
  })
})
