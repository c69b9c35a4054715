/** The registry of models as the settings have it. Nothing is read but the user's own file. */
import type { RegistryConfig } from '../config.ts'
import { Registry, type RegistryOptions } from '../model/registry.ts'
import { readOverrides } from '../model/registry/overrides.ts'

/** @throws LoomError `invalid-config` where the user's file cannot be read. */
export async function openRegistry(
  { modelsUrl, modelsPath, modelsCache }: RegistryConfig,
  options: Pick<RegistryOptions, 'onRefresh' | 'signal' | 'fetch'> = {},
): Promise<Registry> {
  return new Registry({
    ...options,
    url: modelsUrl,
    cacheFile: modelsCache,
    ...(modelsPath !== undefined && { overrides: await readOverrides(modelsPath) }),
  })
}
