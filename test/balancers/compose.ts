/** `docker-compose.yml` of this project, with base images of the test. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { root } from '../cli/command.ts'
import { pinnedImages } from './base-images.ts'
import { type Engine, importImages } from './engine.ts'

const run = promisify(execFile)

/** Each image by its variable, without its digest: an image that is made here has another one. */
const baseImages = Object.fromEntries(
  pinnedImages().map(({ variable, name }) => [variable, name] as const),
)

export type Compose = (...words: string[]) => Promise<unknown>

/** Creates the base images, and returns the command. */
export async function composeWith(
  engine: Engine,
  variables: Record<string, string>,
): Promise<Compose> {
  await importImages(engine, Object.values(baseImages))
  const env = { ...engine.environment, ...baseImages, ...variables }
  return (...words) =>
    run('docker-compose', ['-p', 'loomtest', ...words], { cwd: root, env, maxBuffer: 1e8 })
}
