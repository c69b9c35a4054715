import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'

import { beforeAll, describe, expect, it } from 'vitest'

import {
  type Artefact,
  buildArtefacts,
  buildMs,
  executable,
  module,
  selfExtractor,
  source,
} from './built.ts'
import { lasting } from './lasting-folder.ts'

beforeAll(buildArtefacts, buildMs)

const megabytes = ({ program }: Artefact) => statSync(program.at(-1) ?? '').size / 1e6

describe('size', () => {
  it('of the download is 28 MB at most, of the executable 130, of the module 5', () => {
    expect(megabytes(selfExtractor)).toBeLessThanOrEqual(28)
    expect(megabytes(executable)).toBeLessThan(130)
    expect(megabytes(module)).toBeLessThan(5)
  })
})

describe('start-up', () => {
  const { path: cache } = lasting()
  const nothing: Artefact = { name: 'Node', program: [process.execPath, '--eval', '0', '--'] }
  const all = [nothing, source, module, executable, selfExtractor]

  /** Milliseconds of the quickest of ten: what else runs on the machine only ever adds. */
  function measure(): Map<Artefact, number> {
    const best = new Map<Artefact, number>()
    for (let round = 0; round < 10; round++) {
      // Side by side, so that a burst of something else is in all of them.
      for (const artefact of all) {
        const [file = '', ...words] = artefact.program
        const began = performance.now()
        execFileSync(file, [...words, '--help'], {
          env: { PATH: process.env['PATH'], XDG_CACHE_HOME: cache },
          stdio: 'ignore',
        })
        const took = performance.now() - began
        best.set(artefact, Math.min(took, best.get(artefact) ?? Number.POSITIVE_INFINITY))
      }
    }
    return best
  }

  it('of every artefact is within 1.3 of the sources’, and 100 ms of our own', () => {
    const best = measure()
    const of = (artefact: Artefact) => best.get(artefact) ?? Number.NaN
    for (const artefact of [module, executable, selfExtractor]) {
      expect(of(artefact) / of(source), artefact.name).toBeLessThan(1.3)
      expect(of(artefact) - of(nothing), artefact.name).toBeLessThan(100)
    }
  })
})
