/** Finds the existing names that are most similar to a name that does not exist. */

/** The names within a third of the word's length in edits, the nearest first. */
export function nearestNames(word: string, names: Iterable<string>, max = 3): string[] {
  // A longer name is no typing error, and the cost of a comparison grows with the length.
  if (word.length > 64) return []
  const most = Math.max(1, Math.floor(word.length / 3))
  const near: { name: string; edits: number }[] = []
  for (const name of names) {
    if (Math.abs(name.length - word.length) > most) continue
    const edits = editsBetween(word, name)
    if (edits <= most) near.push({ name, edits })
  }
  // If one name is a single typing error away, names that are farther away do not help.
  const best = Math.min(...near.map(({ edits }) => edits))
  return near
    .filter(({ edits }) => edits <= Math.max(best, Math.floor(most / 2)))
    .sort((a, b) => a.edits - b.edits)
    .slice(0, max)
    .map(({ name }) => name)
}

/** Returns ` Did you mean "a" or "b"?`, or an empty text. */
export function didYouMean(names: readonly string[]): string {
  if (names.length === 0) return ''
  const quoted = names.map((name) => JSON.stringify(name))
  const last = quoted.pop() ?? ''
  return ` Did you mean ${quoted.length === 0 ? last : `${quoted.join(', ')} or ${last}`}?`
}

/** The count of insertions, deletions, replacements and swaps of neighbours between two words. */
function editsBetween(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1]
      let edits = Math.min(
        cell(above, column) + 1,
        cell(current, column - 1) + 1,
        cell(above, column - 1) + (same ? 0 : 1),
      )
      const swapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (row > 1 && column > 1 && swapped) edits = Math.min(edits, cell(before, column - 2) + 1)
      current.push(edits)
    }
    before = above
    above = current
  }
  return cell(above, b.length)
}

const cell = (row: readonly number[], column: number) => row[column] ?? Number.POSITIVE_INFINITY
