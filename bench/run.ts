/**
 * `npm run bench`: every contender in every scenario, round by round, in fresh processes and
 * rotated order, and then the tables and verdicts. The exit code is 1 if a target is missed or an
 * answer is wrong.
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'

import { z } from 'zod'

import { contenderNames, contenders } from './contender.ts'
import { reportOf, verdictsOf } from './report.ts'
import type { Cell } from './report.ts'
import { scenarioNames, scenarios } from './scenario.ts'
import { openStage } from './stage.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    scenario: { type: 'string', multiple: true, default: [...scenarioNames] },
    contender: { type: 'string', multiple: true, default: [...contenderNames] },
    json: { type: 'string' },
    profile: { type: 'string' },
  },
})

const options = z
  .object({
    quick: z.boolean(),
    rounds: z.coerce
      .number()
      .int()
      .positive()
      .default(values.quick ? 1 : 3),
    scenario: z.array(z.enum(scenarioNames)),
    contender: z.array(z.enum(contenderNames)),
    json: z.string().optional(),
    profile: z.string().optional(),
  })
  .parse(values)

const write = (text: string): unknown => process.stdout.write(text)

/**
 * Puts the server alone on one core, and the upstream, the load client and this process on the
 * other.
 */
function pinCores(): readonly [number, number] | null {
  try {
    execFileSync('taskset', ['-cp', '1', String(process.pid)], { stdio: 'ignore' })
    return [0, 1]
  } catch {
    // There is no taskset, or not these cores. The numbers are then noisier, but the ratios still
    // hold.
    return null
  }
}

/** Returns `[a, b, c]` in round 0, `[b, c, a]` in round 1, and so on. */
function rotated<ITEM>(items: readonly ITEM[], round: number): ITEM[] {
  const by = round % items.length
  return [...items.slice(by), ...items.slice(0, by)]
}

async function measure(cores: readonly [number, number] | null): Promise<Cell[]> {
  const cells: Cell[] = []
  for (let round = 0; round < options.rounds; round++) {
    for (const scenario of options.scenario) {
      for (const contender of rotated(options.contender, round)) {
        process.stderr.write(`round ${round + 1}/${options.rounds}: ${scenario}, ${contender}\n`)
        const profile = `${scenario}-${contender}-${round + 1}.cpuprofile`
        const stage = await openStage({
          contender: contenders[contender],
          cores,
          ...(options.profile !== undefined && { profileFile: resolve(options.profile, profile) }),
        })
        try {
          const measures = await scenarios[scenario].run(stage, options.quick)
          cells.push({ scenario, contender, round, measures })
        } finally {
          await stage.close()
        }
      }
    }
  }
  return cells
}

const machine = `${cpus()[0]?.model ?? 'unknown CPU'}, ${availableParallelism()} cores`
// V8 takes samples in a thread of its own, which on the server's one core would only see it idle.
const cores = options.profile === undefined ? pinCores() : null
write(`Node ${process.version}, ${machine}, ${cores === null ? 'not pinned' : 'pinned'}\n\n`)
const cells = await measure(cores)
for (const scenario of options.scenario) write(`${reportOf(scenario, cells)}\n`)
if (options.profile !== undefined) write('Profiled: the numbers above are not to be quoted.\n')
const verdicts = verdictsOf(cells)
if (options.json !== undefined) {
  const result = { node: process.version, machine, pinned: cores !== null, cells, verdicts }
  writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`)
}
process.exitCode = verdicts.every((verdict) => verdict.pass) ? 0 : 1
