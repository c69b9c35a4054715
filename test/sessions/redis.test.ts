import { afterAll, beforeAll, describe } from 'vitest'

import { openRedisStore } from '../../src/store/redis.ts'
import type { RunningRedis } from '../redis/redis.ts'
import { startRedis } from '../redis/redis.ts'
import { agentsSuite } from './agents-suite.ts'
import { compactionSuite } from './compaction-suite.ts'
import { contextSuite } from './context-suite.ts'
import { conversationSuite } from './conversation-suite.ts'
import { faultSuite } from './fault-suite.ts'
import { inCodeSuite } from './in-code-suite.ts'
import { principalSuite } from './principal-suite.ts'

let redis: RunningRedis
beforeAll(async () => {
  redis = await startRedis()
})
afterAll(() => redis[Symbol.asyncDispose]())

describe('sessions in Redis', () => {
  // With compact messages, from the first heartbeat on.
  const open = () => openRedisStore({ url: redis.url, rollbackMs: 0 })
  contextSuite(open)
  principalSuite(open)
  inCodeSuite(open)
  conversationSuite(open)
  faultSuite(open)
  agentsSuite(open)
  compactionSuite(open, 100)
})
