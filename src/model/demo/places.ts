/** Time zones that a message names, by IANA name or by city. */

/** Cities and zones that people ask for and that are not the last part of an IANA name. */
const aliases: ReadonlyMap<string, string> = new Map([
  ['utc', 'UTC'],
  ['gmt', 'UTC'],
  ['san francisco', 'America/Los_Angeles'],
  ['seattle', 'America/Los_Angeles'],
  ['california', 'America/Los_Angeles'],
  ['boston', 'America/New_York'],
  ['washington', 'America/New_York'],
  ['miami', 'America/New_York'],
  ['montreal', 'America/Toronto'],
  ['barcelona', 'Europe/Madrid'],
  ['munich', 'Europe/Berlin'],
  ['hamburg', 'Europe/Berlin'],
  ['germany', 'Europe/Berlin'],
  ['france', 'Europe/Paris'],
  ['england', 'Europe/London'],
  ['geneva', 'Europe/Zurich'],
  ['milan', 'Europe/Rome'],
  ['beijing', 'Asia/Shanghai'],
  ['china', 'Asia/Shanghai'],
  ['japan', 'Asia/Tokyo'],
  ['india', 'Asia/Kolkata'],
  ['mumbai', 'Asia/Kolkata'],
  ['delhi', 'Asia/Kolkata'],
  ['bangalore', 'Asia/Kolkata'],
  ['hanoi', 'Asia/Ho_Chi_Minh'],
])

/** The zones in the order in which the message names them, each once. */
export function timeZonesIn(text: string): string[] {
  const lower = text.toLowerCase()
  const found: { at: number; zone: string }[] = []
  for (const zone of Intl.supportedValuesOf('timeZone')) {
    const city = zone.slice(zone.lastIndexOf('/') + 1).replaceAll('_', ' ')
    const at = [placeAt(lower, zone.toLowerCase()), placeAt(lower, city.toLowerCase())]
    found.push({ at: Math.max(...at), zone })
  }
  for (const [name, zone] of aliases) found.push({ at: placeAt(lower, name), zone })
  const named = found.filter(({ at }) => at >= 0).sort((a, b) => a.at - b.at)
  if (named.length > 0) return [...new Set(named.map(({ zone }) => zone))]
  // A place nobody knows is passed on as it is: the clock says what is wrong with it.
  const unknown = /\bin (\p{Lu}[\p{L}]+(?: \p{Lu}\p{L}+)*)/u.exec(text)?.[1]
  return unknown === undefined ? [] : [unknown]
}

/** Where the name stands as a word of its own after "in", "for" and the like, or -1. */
function placeAt(text: string, name: string): number {
  const at = text.indexOf(name)
  if (at < 0 || /[\p{L}\d/]/u.test(text[at + name.length] ?? '')) return -1
  return /(?:^|\b(?:in|at|for|and|or|to|of)|[,&])\s*$/.test(text.slice(Math.max(0, at - 8), at))
    ? at
    : -1
}
