/** What JSON values weigh in memory, about: for bounds, where a count would say nothing. */

/** In bytes. A string that several values share counts with each of them. */
export function memoryOf(value: unknown): number {
  if (typeof value === 'string') return 16 + value.length
  if (typeof value !== 'object' || value === null) return 8
  let bytes = 32
  for (const field of Object.values(value)) bytes += 8 + memoryOf(field)
  return bytes
}
