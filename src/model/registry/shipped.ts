/**
 * The list that comes with Loom: models.dev as `update.ts` last found it. Its MIT notice is in
 * `models.dev-LICENSE` beside it.
 */
import { requiredAsset } from '../../ground/asset.ts'
import { type Catalog, unpackCatalog } from './catalog.ts'

/** From the root. */
export const shippedPath = 'src/model/registry/models.dev.br'

let loading: Promise<Catalog> | undefined

/** Read once in a process: it is as much a constant as the code is. */
export function shippedCatalog(): Promise<Catalog> {
  loading ??= unpackCatalog(requiredAsset(shippedPath))
  return loading
}
