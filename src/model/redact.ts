/**
 * Removes secrets from a text before it is logged or shown, because providers repeat keys in their
 * errors. A secret of fewer than 8 characters stays: placeholders such as `ollama` or `none` are normal
 * words, and every real key is longer.
 */

const lengthMin = 8

/** Returns a function that replaces every secret, and its form in a URL, with `[redacted]`. */
export function createRedact(secrets: Iterable<string>): (text: string) => string {
  const patterns = new Set<string>()
  for (const secret of secrets) {
    const trimmed = secret.trim()
    if (trimmed.length < lengthMin) continue
    patterns.add(trimmed)
    patterns.add(encodeURIComponent(trimmed.toWellFormed()))
  }
  if (patterns.size === 0) return (text) => text
  // The longest first: otherwise a key that starts with another key would leave its end in the text.
  const sources = [...patterns].sort((a, b) => b.length - a.length).map(escapePattern)
  const pattern = new RegExp(sources.join('|'), 'g')
  return (text) => text.replace(pattern, '[redacted]')
}

const escapePattern = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
