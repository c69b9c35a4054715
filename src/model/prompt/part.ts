/** What every part of a prompt is checked by. The types promise more than a stored history keeps. */
import type { SharedV4ProviderOptions } from '@ai-sdk/provider'

import { LoomError } from '../../ground/error.ts'

/** @throws LoomError `invalid-request`, always. */
export function refuse(reason: string): never {
  throw new LoomError('invalid-request', reason)
}

export function stringOf(value: unknown, name: string): string {
  return typeof value === 'string' ? value : refuse(`"${name}" must be a string`)
}

/** The provider options of a message or part, ready to be spread: none is no key at all. */
export function optionsOf(
  holder: object & { providerOptions?: SharedV4ProviderOptions | undefined },
): { providerOptions: SharedV4ProviderOptions } | undefined {
  const { providerOptions } = holder
  return providerOptions === undefined || providerOptions === null ? undefined : { providerOptions }
}
