/** Finds the sums in a message ("What is 123 times 456?") and writes them for a calculator. */

const signs: Readonly<Record<string, string>> = {
  plus: '+',
  minus: '-',
  times: '*',
  'divided by': '/',
  '×': '*',
  '÷': '/',
}

/**
 * A `-` or `/` between digits without spaces may belong to a date or a range, so it counts as a sign
 * only with spaces.
 */
const number = String.raw`\(*-?\d+(?:\.\d+)?\)*`
const sum = new RegExp(`(${number}(?:(?: ?[*+^] ?| [-/] )${number})+)(,? squared)?`, 'g')

/** The sums in order, as `6 * 7`. A single number is not a sum. */
export function sumsIn(text: string): string[] {
  // These rules cannot convert percentages and roots. A sum without them would have a wrong result,
  // so no sum is returned.
  if (/%|percent|root/i.test(text)) return []
  const line = text
    .replaceAll(/(?<=\d),(?=\d{3})/g, '')
    .replaceAll(/\b(?:plus|minus|times|divided by)\b|[×÷]/g, (sign) => signs[sign] ?? sign)
  return [...line.matchAll(sum)].map(([, found = '', squared]) => {
    const spaced = found.replaceAll(/(?<=[\d)]) ?([-*+/^]) ?/g, ' $1 ')
    return squared === undefined ? spaced : `(${spaced}) ^ 2`
  })
}
