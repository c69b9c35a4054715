/**
 * `npm run bench:tasks`: the processor time that a parent adds to each token of the task for which it waits. The
 * cost of a token is a slope: the difference between long and short answers, divided by the difference of their
 * tokens. So it contains nothing that a session or a task costs once: answers of one token show that. The exit
 * code is 1 if the parent adds more than a tenth to a token.
 */
import { parseArgs } from 'node:util'

import { Child } from './child.ts'
import { median } from './statistics.ts'
import type { TaskLoad } from './task-load.ts'

const ratioMax = 1.1

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    sessions: { type: 'string', default: '30' },
    short: { type: 'string', default: '1000' },
    long: { type: 'string', default: '5000' },
    pace: { type: 'string', default: '2' },
    profile: { type: 'string' },
  },
})
const [rounds, sessions] = [Number(values.rounds), Number(values.sessions)]
const lengths = { short: Number(values.short), long: Number(values.long) }
const paceMs = Number(values.pace)

interface Cost {
  /** Of one token, in microseconds. */
  token: number
  /** Of one session whose answer has one token, in microseconds. */
  fixed: number
}

/** Measures one agent in a new process. */
async function costOf(agent: TaskLoad['agent'], round: number): Promise<Cost> {
  const profile = values.profile
  const child = new Child({
    label: agent,
    args: [
      '--expose-gc',
      ...(profile === undefined
        ? []
        : [
            '--cpu-prof',
            `--cpu-prof-dir=${profile}`,
            `--cpu-prof-name=${agent}-${round}.cpuprofile`,
          ]),
      new URL('task-load.ts', import.meta.url).pathname,
    ],
    core: null,
  })
  const used = async (tokens: number, sessions: number) => {
    const load: TaskLoad = { agent, sessions, tokens, paceMs }
    const before = child.cpuMicros()
    await child.call(load, tokens * paceMs * 20 + 60_000)
    return (child.cpuMicros() - before) / sessions
  }
  try {
    // The compiler has seen everything before the first measure.
    await used(lengths.short, sessions)
    await used(1, sessions * 10)
    const fixed = await used(1, sessions * 10)
    const order = round % 4 < 2 ? (['short', 'long'] as const) : (['long', 'short'] as const)
    const costs = { short: 0, long: 0 }
    for (const length of order) costs[length] = await used(lengths[length], sessions)
    return { token: (costs.long - costs.short) / (lengths.long - lengths.short), fixed }
  } finally {
    await child.stop()
  }
}

const write = (text: string): unknown => process.stdout.write(text)

const tokens: number[] = []
const fixed: number[] = []
for (let round = 0; round < rounds; round++) {
  // The order changes, so that neither always has the busier half of a round.
  const order = round % 2 === 0 ? (['talker', 'waiter'] as const) : (['waiter', 'talker'] as const)
  const costs: Partial<Record<TaskLoad['agent'], Cost>> = {}
  for (const agent of order) costs[agent] = await costOf(agent, round)
  const { talker: alone, waiter: awaited } = costs
  if (alone === undefined || awaited === undefined) throw new Error('A round has two measures.')
  tokens.push(awaited.token / alone.token)
  fixed.push(awaited.fixed - alone.fixed)
  write(
    `${alone.token.toFixed(2)} µs/token alone, ${awaited.token.toFixed(2)} as an awaited task: ` +
      `${(awaited.token / alone.token).toFixed(2)}; once ${alone.fixed.toFixed(0)} and ${awaited.fixed.toFixed(0)} µs\n`,
  )
}
const ratio = median(tokens)
write(`a task and its parent add ${(median(fixed) / 1000).toFixed(2)} ms to a session once\n`)
write(`median ratio of a token ${ratio.toFixed(2)}, at most ${ratioMax}\n`)
process.exitCode = ratio <= ratioMax ? 0 : 1
