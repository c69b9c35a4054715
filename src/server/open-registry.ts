/** Opens the registry of models from the settings. It reads no file but the user's own. */
import type { RegistryConfig } from '../config.ts'
import { Registry, type RegistryOptions } from '../model/registry.ts'
import { readOverrides } from '../model/registry/overrides.ts'

/** @throws LoomError `invalid-config` if the user's file cannot be read */
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
