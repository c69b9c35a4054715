import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { beforeAll, describe, expect, it } from 'vitest'

import { root } from '../../bin/build/place.ts'
import {
  type Artefact,
  buildArtefacts,
  buildMs,
  executable,
  module,
  selfExtractor,
  source,
} from './built.ts'
import { testFolder } from './test-folder.ts'

beforeAll(buildArtefacts, buildMs)

const megabytes = ({ program }: Artefact) => statSync(program.at(-1) ?? '').size / 1e6

describe('size', () => {
  it('the sizes of all artefacts are within their limits', () => {
    // 28.0 before the server had JWT, limits, metrics and a JSON log, and 28.1 before MCP, ACP, AG-UI, the Responses API
    // and WebSockets.
    expect(megabytes(selfExtractor)).toBeLessThanOrEqual(28.4)
    expect(megabytes(executable)).toBeLessThan(130)
    expect(megabytes(module)).toBeLessThan(5)
  })

  it('the documented sizes are right within 3 %', () => {
    const page = readFileSync(join(root, 'docs/binaries.md'), 'utf8')
    const documented = [...page.matchAll(/^\| `(dist\/[^`]+)`[^|]*\| ([\d.]+) MB \|/gm)]
    expect(documented.map(([, file]) => file)).toEqual([
      'dist/loom.mjs',
      'dist/loom',
      'dist/loom.run',
    ])
    for (const [, file = '', size] of documented) {
      const ratio = statSync(join(root, file)).size / 1e6 / Number(size)
      expect(Math.abs(ratio - 1), file).toBeLessThan(0.03)
    }
  })
})

describe('start-up', () => {
  const { path: cache } = testFolder()
  const nothing: Artefact = { name: 'Node', program: [process.execPath, '--eval', '0', '--'] }
  const all = [nothing, source, module, executable, selfExtractor]

  /** The time of the fastest start, in milliseconds. Other work on the machine only adds to it. */
  const best = new Map<Artefact, number>()
  const of = (artefact: Artefact) => best.get(artefact) ?? Number.NaN

  /** The artefacts alternate, so that a load of the machine affects all of them. */
  function measureAll(): void {
    for (const artefact of all) {
      const [file = '', ...words] = artefact.program
      const began = performance.now()
      execFileSync(file, [...words, '--help'], {
        // Without it, the sources of an earlier start would be compared with an executable that has no
        // such cache.
        env: {
          PATH: process.env['PATH'],
          XDG_CACHE_HOME: cache,
          NODE_DISABLE_COMPILE_CACHE: '1',
        },
        stdio: 'ignore',
      })
      const took = performance.now() - began
      best.set(artefact, Math.min(took, best.get(artefact) ?? Number.POSITIVE_INFINITY))
    }
  }

  const isQuick = (artefact: Artefact) =>
    of(artefact) / of(source) < 1.3 && of(artefact) - of(nothing) < 100

  it('every artefact starts within 1.3 times the sources', () => {
    const carried = [module, executable, selfExtractor]
    // On a busy machine it takes more rounds until each artefact has a quiet moment.
    for (let round = 0; round < 10 || (round < 50 && !carried.every(isQuick)); round++) measureAll()
    const times = all.map((artefact) => `${artefact.name} ${of(artefact).toFixed(0)} ms`)
    expect(carried.every(isQuick), times.join(', ')).toBe(true)
  }, 180_000)
})
