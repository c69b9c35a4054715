/** Finds the name that somebody most likely meant when they wrote one that does not exist. */

/** The known name within a third of the word's length in edits, or `undefined`. */
export function nearestName(word: string, names: Iterable<string>): string | undefined {
  // Nobody mistypes a name of this length, and the cost of comparing grows with it.
  if (word.length > 64) return undefined
  let nearest: string | undefined
  let fewest = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const name of names) {
    if (Math.abs(name.length - word.length) >= fewest) continue
    const edits = editsBetween(word, name)
    if (edits >= fewest) continue
    fewest = edits
    nearest = name
  }
  return nearest
}

/** Insertions, deletions, replacements and swaps of neighbours that make one word the other. */
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
