/**
 * The list that is part of Loom: models.dev at the last run of `update.ts`. Its MIT notice is in
 * `models.dev-LICENSE` in the same folder.
 */
import { requiredAsset } from '../../ground/asset.ts'
import { type Catalog, unpackCatalog } from './catalog.ts'

/** The path from the root of the repository. */
export const shippedPath = 'src/model/registry/models.dev.br'

let loading: Promise<Catalog> | undefined

/** Read once per process, because it is constant. */
export function shippedCatalog(): Promise<Catalog> {
  loading ??= unpackCatalog(requiredAsset(shippedPath))
  return loading
}
