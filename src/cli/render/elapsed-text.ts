/**
 * Formats the time since a start for the user: `0.1 s`, `12 s`, `3 min 5 s`.
 * @param startedAt a time of `performance.now()`
 * @param digits the decimal places of a time below 10 s
 */
export function elapsedText(startedAt: number, digits = 0): string {
  const seconds = (performance.now() - startedAt) / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? digits : 0)} s`
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
}
