/** How long something takes, for people: `0.1 s`, `12 s`, `3 min 5 s`. */

/** @param startedAt of `performance.now()` @param digits of a time below 10 s */
export function elapsed(startedAt: number, digits = 0): string {
  const seconds = (performance.now() - startedAt) / 1000
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? digits : 0)} s`
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
}
