/** What the session routes are given beside what all routes are. */
import type { Agent } from '../src/agent.ts'
import type { Sessions } from '../src/sessions.ts'
import type { World } from './world.ts'

export interface SessionWorld extends World {
  sessions: Sessions
  /** @throws LoomError `unknown-model` or `missing-key`, before a message is accepted for that agent */
  checkModel: (agent: Agent) => Promise<void>
}
