/** Which files a model reads, according to the model registry. */
import type { ModelFacts } from '../model.ts'
import { kindOf } from './refusal-memory.ts'

/** Also true if nothing is known about the model: then its provider decides. */
export function readsFile({ input }: ModelFacts, mediaType: string): boolean {
  if (input === undefined) return true
  const kind = kindOf(mediaType)
  // Gateways and APIs that read images also read a PDF page by page, even if PDF is not listed.
  if (kind === 'pdf') return input.includes('pdf') || input.includes('image')
  return !['image', 'audio', 'video'].includes(kind) || input.includes(kind)
}
