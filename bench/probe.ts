/**
 * Every server under test loads this module by `--import`. On request it reports the memory of the
 * process after a full collection, its timers and handles, and starts and ends a CPU profile. It runs nothing before a
 * request, so it costs the server nothing during the measurement.
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
  resources,
  'start-profile': startProfile,
  'end-profile': () => session.post('Profiler.stop'),
}

answerCalls((question) => answers[probeSchema.parse(question).ask]())
// The channel must not keep the server's process alive.
process.channel?.unref()

function memory(): Memory {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc()')
  const { heapUsed, external, rss } = process.memoryUsage()
  return { heldBytes: heapUsed + external, residentBytes: rss }
}

function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

async function startProfile(): Promise<null> {
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.setSamplingInterval', { interval: 200 })
  await session.post('Profiler.start')
  return null
}
