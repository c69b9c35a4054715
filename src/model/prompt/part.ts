/** Checks of prompt parts. A stored history may differ from its types. */
import type { SharedV4ProviderOptions } from '@ai-sdk/provider'

import { LoomError } from '../../ground/error.ts'

/** @throws LoomError `invalid-request`, always. */
export function refuse(reason: string): never {
  throw new LoomError('invalid-request', reason)
}

export function stringOf(value: unknown, name: string): string {
  return typeof value === 'string' ? value : refuse(`"${name}" must be a string`)
}

/** The provider options of a message or part, to spread. Without options the key is absent. */
export function optionsOf(
  holder: object & { providerOptions?: SharedV4ProviderOptions | undefined },
): { providerOptions: SharedV4ProviderOptions } | undefined {
  const { providerOptions } = holder
  return providerOptions === undefined || providerOptions === null ? undefined : { providerOptions }
}
