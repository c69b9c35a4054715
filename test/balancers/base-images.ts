/** The images that the `Dockerfile` and `docker-compose.yml` name, each with its digest. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { root } from '../cli/command.ts'

export interface PinnedImage {
  /** The variable that replaces the image in a build or in `docker compose up`. */
  variable: string
  /** The name with its tag. */
  name: string
  digest: string
}

/** @throws Error if an image has no variable or no digest */
export function pinnedImages(): PinnedImage[] {
  const read = (name: string) => readFileSync(join(root, name), 'utf8')
  const dockerfile = read('Dockerfile')
  const used = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image = '']) => {
    const [, variable] = /^\$\{(\w+)\}$/.exec(image) ?? []
    const [, value = image] = new RegExp(`^ARG ${variable}=(\\S+)$`, 'm').exec(dockerfile) ?? []
    return { variable, value }
  })
  const pulled = [...read('docker-compose.yml').matchAll(/^ +image: (\S+)/gm)].map(
    ([, image = '']) => {
      const [, variable, value = image] = /^\$\{(\w+):-(\S+)\}$/.exec(image) ?? []
      return { variable, value }
    },
  )
  return [...used, ...pulled].map(({ variable, value }) => {
    const [, name, digest] = /^(\S+:\S+)@(sha256:[0-9a-f]{64})$/.exec(value) ?? []
    if (variable === undefined || name === undefined || digest === undefined) {
      throw new Error(`The image ${value} has no variable or no digest.`)
    }
    return { variable, name, digest }
  })
}
