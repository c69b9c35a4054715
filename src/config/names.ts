/**
 * The names of settings. A name that is close to a setting is refused, so that no setting is
 * ignored.
 */
import type { Environment } from '../ground/environment.ts'
import { LoomError } from '../ground/error.ts'
import { didYouMean, nearestNames } from '../ground/nearest.ts'

/** The command reads these names: the API key that it sends to a server, and the server of `loom admin`. */
const otherNames = ['LOOM_API_KEY', 'LOOM_URL']

/**
 * Variables that Kubernetes and Docker set in every container for a service whose name begins with
 * `loom`. `LOOM_PORT` counts as one only with the value that they give it.
 */
const serviceVariable = /^LOOM_(?:\w+_)?(?:SERVICE_(?:HOST|PORT)|PORT_\d+_|ENV_|NAME$)/

/**
 * Refuses a variable whose name is close to the name of a setting. An ignored setting would leave
 * the server open, without its Redis or with another model. Any other name may belong to another
 * program, and is ignored.
 * @param settings the names of all settings
 * @throws LoomError `invalid-config` with a line for each such name
 */
export function refuseMisspelt(environment: Environment, settings: readonly string[]): void {
  const known = [...settings, ...otherNames]
  const lines = Object.entries(environment).flatMap(([name, value = '']) => {
    if (!/^LOOM_/i.test(name) || known.includes(name)) return []
    if (isOfService(name, value)) return []
    const near = nearSettings(name.toUpperCase(), known)
    return near.length === 0 ? [] : [`${name} is not a setting of Loom.${didYouMean(near)}`]
  })
  if (lines.length > 0) throw new LoomError('invalid-config', lines.join('\n'))
}

const isOfService = (name: string, value: string): boolean =>
  serviceVariable.test(name) || (/^LOOM_(?:\w+_)?PORT$/.test(name) && value.includes('://'))

/** Returns the known names that are closest to a name. */
function nearSettings(name: string, known: readonly string[]): string[] {
  const plain = name.slice('LOOM_'.length)
  // People expect the names LOOM_PORT, LOOM_HOST and LOOM_REDIS_URL.
  if (known.includes(plain)) return [plain]
  if (known.includes(name)) return [name]
  const ends = known.flatMap((each) =>
    each.startsWith('LOOM_') ? [each.slice('LOOM_'.length)] : [],
  )
  // A name with missing words, or with words in another order, is a mistake that the edit distance
  // misses.
  const words = (text: string) => text.split('_').sort().join('_')
  const same = ends.filter((end) => words(end) === words(plain) || isUnitApart(end, plain))
  return (same.length > 0 ? same : nearestNames(plain, ends)).map((end) => `LOOM_${end}`)
}

/** True if two names differ only in the unit at their end. */
const isUnitApart = (one: string, other: string): boolean => withoutUnit(one) === withoutUnit(other)

const withoutUnit = (name: string) => name.replace(/_(?:MS|S|SEC|SECONDS|MB|BYTES)$/, '')
