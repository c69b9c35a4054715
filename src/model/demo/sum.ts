/** Finds the sums in a message ("What is 123 times 456?") and writes them for a calculator. */

/** Digits that are no sum (dates, times of day, versions), and operands that the rules here cannot write. */
const noSum =
  /\d{4}-\d\d-\d\d|\d+:\d+|\d+\.\d+\.\d+|24\/7|\broot of \d+|\d+(?: percent\b| ?%(?! ?\d))/g

const signs: readonly (readonly [RegExp, string])[] = [
  [/(?<=\d),(?=\d{3})/g, ''],
  [/\bplus\b/g, '+'],
  [/\bminus\b|[−–]/g, '-'],
  [/\btimes\b|\bmultiplied by\b|[×·]|(?<=\d) ?x ?(?=\d)/g, '*'],
  [/\bdivided by\b|÷/g, '/'],
  [/\*\*/g, '^'],
]

const number = String.raw`(?:\( ?)*-?(?:\d+(?:\.\d+)?)(?: ?\))*`
const sumPattern = new RegExp(`${number}(?: ?[-+*/^%] ?${number})+(,? squared\\b)?`, 'g')

/** The sums in order, as `6 * 7`. A number alone is none. */
export function sumsIn(text: string): string[] {
  const line = text
    .toLowerCase()
    .replaceAll(noSum, ';')
    .replaceAll(/[^\S\n]+/g, ' ')
  const spelled = signs.reduce((known, [words, sign]) => known.replaceAll(words, sign), line)
  return [...spelled.matchAll(sumPattern)].map(([match, squared = '']) => {
    const sum = match.slice(0, match.length - squared.length)
    const spaced = sum.replaceAll(/(?<=[\d)]) ?([-+*/^%]) ?/g, ' $1 ')
    return squared === '' ? spaced : `(${spaced}) ^ 2`
  })
}
