/**
 * Strikes secrets out of a text that is about to be logged or shown: providers echo keys in their
 * errors. A secret of fewer than 8 characters is left alone: dummies such as `ollama` or `none` are
 * words, and every real key is longer.
 */

const lengthMin = 8

/** A function that puts `[redacted]` in the place of every secret, and of its form in a URL. */
export function createRedact(secrets: Iterable<string>): (text: string) => string {
  const patterns = new Set<string>()
  for (const secret of secrets) {
    const trimmed = secret.trim()
    if (trimmed.length < lengthMin) continue
    patterns.add(trimmed)
    patterns.add(encodeURIComponent(trimmed.toWellFormed()))
  }
  if (patterns.size === 0) return (text) => text
  // The longest first, so that a key which begins like another leaves no tail behind.
  const sources = [...patterns].sort((a, b) => b.length - a.length).map(escapePattern)
  const pattern = new RegExp(sources.join('|'), 'g')
  return (text) => text.replace(pattern, '[redacted]')
}

const escapePattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
