/**
 * Splits a message into numbers, operators and words, for the arithmetic that people write in prose.
 * Dates, clock times and version numbers become plain words, or 2026-11-22 would be a subtraction.
 */
export interface Word {
  kind: 'number' | 'operator' | 'word'
  /** A number without separators, one of `+ - * / ^ % ( ) ,`, a line break, or a word in lower case. */
  text: string
  /** True where white space, or the start of the message, stands before it. */
  spaced: boolean
}

const ones = ['one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine']
const tens = ['twenty', 'thirty', 'forty', 'fifty', 'sixty', 'seventy', 'eighty', 'ninety']
const teens = ['ten', 'eleven', 'twelve', 'thirteen', 'fourteen', 'fifteen', 'sixteen']

const numerals: ReadonlyMap<string, number> = new Map([
  ...ones.map((name, index) => [name, index + 1] as const),
  ...tens.map((name, index) => [name, (index + 2) * 10] as const),
  ...teens.map((name, index) => [name, index + 10] as const),
  ['zero', 0],
  ['seventeen', 17],
  ['eighteen', 18],
  ['nineteen', 19],
])

const operatorSpellings: ReadonlyMap<string, string> = new Map([
  ['**', '^'],
  ['×', '*'],
  ['·', '*'],
  ['÷', '/'],
  ['−', '-'],
  ['–', '-'],
])

const wordPattern = new RegExp(
  [
    String.raw`(?<plain>\d{4}-\d\d-\d\d|\d+:\d+|\d+\.\d+\.\d+|24\/7)`,
    String.raw`(?<grouped>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?)`,
    String.raw`(?<number>(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d+)?)`,
    String.raw`(?<operator>\*\*|[-+*/^%(),×·÷−–])`,
    String.raw`(?<spelled>\b(?:${tens.join('|')})[- ](?:${ones.join('|')})\b)`,
    String.raw`(?<word>\p{L}+)`,
    String.raw`(?<other>\S|\n)`,
  ].join('|'),
  'giu',
)

export function wordsOf(text: string): Word[] {
  const words: Word[] = []
  let end = 0
  for (const match of text.matchAll(wordPattern)) {
    words.push(wordOf(match, match.index > end || match.index === 0))
    end = match.index + match[0].length
  }
  return words
}

function wordOf(match: RegExpExecArray, spaced: boolean): Word {
  const text = match[0].toLowerCase()
  const { grouped, number, operator, spelled } = match.groups ?? {}
  if (number !== undefined) return { kind: 'number', text, spaced }
  if (grouped !== undefined) return { kind: 'number', text: text.replaceAll(',', ''), spaced }
  if (operator !== undefined) {
    return { kind: 'operator', text: operatorSpellings.get(operator) ?? operator, spaced }
  }
  const values = text.split(/[- ]/).map((name) => numerals.get(name))
  if ((spelled !== undefined || values.length === 1) && values[0] !== undefined) {
    return { kind: 'number', text: String(values[0] + (values[1] ?? 0)), spaced }
  }
  return { kind: 'word', text, spaced }
}
