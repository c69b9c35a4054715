/** Finds the existing models whose names are most similar to a name that does not exist. */
import { nearestNames } from '../ground/nearest.ts'

/**
 * The model ids that are most likely meant: those whose last part equals or contains the word, and
 * similar ones. People leave out the part before the last slash.
 */
export function nearestModels(word: string, ids: Iterable<string>, max = 3): string[] {
  const target = lastPart(word).toLowerCase()
  if (target === '' || target.length > 64) return []
  const byLastPart = new Map<string, string>()
  for (const id of ids) byLastPart.set(lastPart(id).toLowerCase(), id)
  const parts = [...byLastPart.keys()]
  const holding = parts
    .filter((part) => target.length >= 3 && part !== target && part.includes(target))
    .sort((a, b) => a.length - b.length)
  const same = byLastPart.has(target) ? [target] : []
  const near = nearestNames(target, parts, max)
  return [...new Set([...same, ...near, ...holding])]
    .slice(0, max)
    .flatMap((part) => byLastPart.get(part) ?? [])
}

const lastPart = (id: string) => id.slice(id.lastIndexOf('/') + 1)
