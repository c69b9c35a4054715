/**
 * The order of the test files: the long ones first, then the others in random order. A long file that
 * began last would run alone at the end. One file builds the artefacts and one packs the package, and the
 * other files that need them come later, so that no worker waits for them.
 */
import { createHash } from 'node:crypto'
import { relative } from 'node:path'

import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files of more than about 25 s on two cores. */
const long = [
  'docker/images',
  'artefacts/self-extractor',
  'cli/one-shot',
  'artefacts/package',
  'coder/coder',
  'runtimes/runtimes',
  'artefacts/package-ranges',
  'cli/failures',
  'cli/widths',
  'cli/continued-session',
  'cli/killed',
  'tools/bash-process',
  'cli/early-keys',
  'cli/terminal',
  'tools/bash',
  'openai-compatible-differential',
  'artefacts/macos',
  'main',
  'artefacts/bare-root',
  'artefacts/module',
  'artefacts/unpacking',
  'sessions/redis-away',
  'sessions/kill',
  'balancers/programs',
  'sessions/zombies',
  'sessions/interrupted',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { seed } = this.ctx.config.sequence
    const places = new Map(files.map((file) => [file, placeOf(file, seed)]))
    return files.toSorted((one, other) => compare(places.get(one), places.get(other)))
  }
}

/** A text that sorts by rank, and then as the seed of the run decides. */
function placeOf({ moduleId }: TestSpecification, seed: number): string {
  const path = relative(import.meta.dirname, moduleId)
  const rank = long.indexOf(path.replace(/\.test\.tsx?$/, ''))
  const digest = createHash('sha256').update(`${seed} ${path}`).digest('hex')
  return `${rank === -1 ? 'other' : String(rank).padStart(3, '0')} ${digest}`
}

const compare = (one = '', other = '') => (one < other ? -1 : Number(one > other))
