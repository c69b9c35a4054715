/** Expands the braces of a glob pattern. Braces may be nested. */
const alternativesMax = 256

/**
 * Expands `a{b,c}d` to `abd` and `acd`, in no particular order. Braces without a comma, or without an
 * end, are ordinary characters.
 * @throws Error if there are more than 256 alternatives
 */
export function expandBraces(pattern: string): string[] {
  const patterns: string[] = []
  const queue = [pattern]
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    const group = firstGroup(next)
    if (group === undefined) patterns.push(next)
    else queue.push(...group)
    if (patterns.length + queue.length > alternativesMax) {
      throw new Error(`The pattern has more than ${alternativesMax} alternatives.`)
    }
  }
  return patterns
}

/** Returns the pattern once for each alternative of its first group of braces. */
function firstGroup(pattern: string): string[] | undefined {
  for (let start = nextBrace(pattern, 0); start !== -1; start = nextBrace(pattern, start + 1)) {
    const commas: number[] = []
    let depth = 0
    for (let index = start; index < pattern.length; index++) {
      const character = pattern[index]
      if (character === '\\') index++
      else if (character === '{') depth++
      else if (character === ',' && depth === 1) commas.push(index)
      else if (character === '}' && --depth === 0) {
        if (commas.length === 0) break
        const ends = [...commas, index]
        return ends.map((end, count) => {
          const from = count === 0 ? start : (ends[count - 1] ?? start)
          return pattern.slice(0, start) + pattern.slice(from + 1, end) + pattern.slice(index + 1)
        })
      }
    }
  }
  return undefined
}

function nextBrace(pattern: string, from: number): number {
  for (let index = from; index < pattern.length; index++) {
    if (pattern[index] === '\\') index++
    else if (pattern[index] === '{') return index
  }
  return -1
}
