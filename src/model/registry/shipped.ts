/**
 * The list that comes with Loom: models.dev as `update.ts` last found it. Its MIT notice is in
 * `models.dev-LICENSE` beside it.
 */
import { readFile } from 'node:fs/promises'

import { type Catalog, unpackCatalog } from './catalog.ts'

export const shippedFile = new URL('models.dev.br', import.meta.url)

let loading: Promise<Catalog> | undefined

/** Read once in a process: it is as much a constant as the code is. */
export function shippedCatalog(): Promise<Catalog> {
  loading ??= readFile(shippedFile).then(unpackCatalog)
  return loading
}
