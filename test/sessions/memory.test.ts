import { describe } from 'vitest'

import { openMemoryStore } from '../../src/store/memory.ts'
import { agentsSuite } from './agents-suite.ts'
import { compactionSuite } from './compaction-suite.ts'
import { contextSuite } from './context-suite.ts'
import { conversationSuite } from './conversation-suite.ts'
import { faultSuite } from './fault-suite.ts'
import { inCodeSuite } from './in-code-suite.ts'
import { principalSuite, rulesSuite } from './principal-suite.ts'

describe('sessions in memory', () => {
  const store = openMemoryStore()
  // One store for all instances. It outlives each of them.
  const shared = { ...store, close: async () => {} }
  contextSuite(async () => shared)
  principalSuite(async () => shared)
  inCodeSuite(async () => shared)
  rulesSuite(async () => shared)
  conversationSuite(async () => shared)
  faultSuite(async () => shared)
  agentsSuite(async () => shared)
  compactionSuite(async () => shared, 1000)
})
