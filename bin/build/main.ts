/**
 * Builds the artefacts that its arguments name. The self-extractor is built from the executable.
 */
import { statSync } from 'node:fs'

import { buildExecutable } from './executable.ts'
import { buildLibrary } from './library.ts'
import { buildMacos } from './macos.ts'
import { buildModule } from './module.ts'
import { place } from './place.ts'
import { buildSelfExtractor } from './self-extractor.ts'

const steps = new Map<string, [build: () => void | Promise<void>, output: string]>([
  ['library', [buildLibrary, place.library]],
  ['module', [buildModule, place.module]],
  ['executable', [buildExecutable, place.executable]],
  ['self-extractor', [buildSelfExtractor, place.selfExtractor]],
  ['macos', [buildMacos, place.macos]],
])

for (const word of process.argv.slice(2)) {
  const step = steps.get(word)
  if (step === undefined)
    throw new Error(`There is no artefact ${word}. There are: ${[...steps.keys()].join(', ')}.`)
  const [build, output] = step
  await build()
  const stats = statSync(output)
  const size = stats.isFile() ? ` ${(stats.size / 1e6).toFixed(1)} MB` : ''
  process.stdout.write(`${output}${size}\n`)
}
