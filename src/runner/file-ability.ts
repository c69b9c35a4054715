/** Which files a model reads, by what the registry of models says of it. */
import type { ModelFacts } from '../model.ts'
import { kindOf } from './refused-files.ts'

/** True also where nothing is known: then the provider has the say. */
export function readsFile({ input }: ModelFacts, mediaType: string): boolean {
  if (input === undefined) return true
  const kind = kindOf(mediaType)
  // Gateways and APIs that see images read a PDF page by page, listed or not.
  if (kind === 'pdf') return input.includes('pdf') || input.includes('image')
  return !['image', 'audio', 'video'].includes(kind) || input.includes(kind)
}
