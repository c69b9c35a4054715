/** The alternatives of a glob pattern: braces, which may hold braces. */
const alternativesMax = 256

/**
 * `a{b,c}d` as `abd` and `acd`, in no order. Braces without a comma, or without an end, are characters.
 * @throws Error where there are too many
 */
export function expandBraces(pattern: string): string[] {
  const found: string[] = []
  const waiting = [pattern]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const group = firstGroup(next)
    if (group === undefined) found.push(next)
    else waiting.push(...group)
    if (found.length + waiting.length > alternativesMax) {
      throw new Error(`The pattern has more than ${alternativesMax} alternatives.`)
    }
  }
  return found
}

/** The pattern with its first group of braces replaced by each of its alternatives. */
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
