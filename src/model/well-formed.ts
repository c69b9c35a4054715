/**
 * Converts JSON to a form that strict servers read. A text that was cut inside a character holds half of
 * a surrogate pair. `JSON.stringify` writes it as an escape, which many providers refuse ("no low
 * surrogate in string"). In a history it would make every later request fail.
 * @param json the output of `JSON.stringify`, so that each escape of a surrogate stands alone
 * @returns the JSON with U+FFFD in place of each half
 */
export function wellFormedJson(json: string): string {
  if (!json.includes('\\ud')) return json
  return json.replaceAll(/\\(?:u(d[89a-f][\da-f]{2})|.)/g, (escape, half?: string) =>
    half === undefined ? escape : '\\ufffd',
  )
}
