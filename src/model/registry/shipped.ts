/**
 * The list that is part of Loom: models.dev at the last run of `update.ts`. Its MIT notice is in
 * `models.dev-LICENSE` in the same folder.
 */
import { type Catalog, unpackCatalog } from './catalog.ts'
import { shippedFiles } from './shipped-files.ts'

/** The file of the list, in this folder. */
export const shippedName = 'models.dev.br'

let loading: Promise<Catalog> | undefined

/** Read once per process, because it is constant. */
export function shippedCatalog(): Promise<Catalog> {
  loading ??= unpack()
  return loading
}

async function unpack(): Promise<Catalog> {
  const bytes = shippedFiles(shippedName)
  if (bytes === undefined) throw new Error(`${shippedName} is missing from this Loom.`)
  return unpackCatalog(bytes)
}
