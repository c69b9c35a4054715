/**
 * Loaded into every server under test by `--import`: on request it tells what the process holds in
 * memory after a full collection, and starts and ends a CPU profile. Nothing of it runs before it is
 * asked, so it costs the server nothing while it is timed.
 */
import { Session } from 'node:inspector/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { answerCalls } from './call.ts'
import { probeSchema } from './protocol.ts'
import type { Memory } from './protocol.ts'

const session = new Session()

const answers = {
  memory,
  'start-profile': startProfile,
  'end-profile': () => session.post('Profiler.stop'),
}

answerCalls((question) => answers[probeSchema.parse(question).ask]())
// The server alone decides when it has no more to do.
process.channel?.unref()

function memory(): Memory {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heldBytes: heapUsed + external, residentBytes: rss }
}

async function startProfile(): Promise<null> {
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  return null
}
