/**
 * Values as TypeScript that a person reads and edits: the content of a recorded test. Any string and any JSON
 * value can be written, and the code has the same value again.
 */

/** A line of the code may have this many characters before a value is split over several lines. */
const widthMax = 100

/** A comment before a value: its text and the value. */
export class Commented {
  readonly comment: string
  readonly value: unknown

  constructor(comment: string, value: unknown) {
    this.comment = comment
    this.value = value
  }
}

/**
 * Returns the code of a JSON value. A property whose value is undefined is left out.
 * @param indent the spaces before the line on which the value begins
 * @param used the characters of this line before and after the value, without the indent
 */
export function literal(value: unknown, indent = 0, used = 0): string {
  if (value instanceof Commented) return literal(value.value, indent, used)
  if (typeof value === 'string') return textLiteral(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object' || value === null)
    return typeof value === 'boolean' ? String(value) : 'null'
  const entries = Array.isArray(value) ? value.map(itemOf) : Object.entries(value).flatMap(fieldOf)
  const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}']
  if (entries.length === 0) return open + close
  const line = entries.map(({ name, value }) => name + literal(value)).join(', ')
  const space = Array.isArray(value) ? '' : ' '
  const fits = indent + used + line.length + 4 <= widthMax
  const isShort = fits && !line.includes('\n') && !hasComment(value)
  if (isShort) return open + space + line + space + close
  const inside = ' '.repeat(indent + 2)
  const lines = entries.map(({ name, value }) => {
    const comment = value instanceof Commented ? `${inside}// ${commentText(value.comment)}\n` : ''
    return `${comment}${inside}${name}${literal(value, indent + 2, name.length + 1)},\n`
  })
  return `${open}\n${lines.join('')}${' '.repeat(indent)}${close}`
}

interface Entry {
  name: string
  value: unknown
}

const itemOf = (value: unknown): Entry => ({ name: '', value })

function fieldOf([key, value]: [string, unknown]): Entry[] {
  return value === undefined ? [] : [{ name: `${keyLiteral(key)}: `, value }]
}

/** In an object literal, a plain `__proto__` would set the prototype. */
function keyLiteral(key: string): string {
  if (key === '__proto__') return `['__proto__']`
  return /^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key)
}

const hasComment = (value: unknown): boolean =>
  value instanceof Commented ||
  (typeof value === 'object' && value !== null && Object.values(value).some(hasComment))

/** A text of several lines is a template literal, so that a person can read its lines. */
export function textLiteral(text: string): string {
  if (!/\n[^\n]/.test(text)) return quoted(text)
  const lines = escaped(text, /[`\\]|\$(?=\{)/g)
  return `\`${lines}\``
}

const quoted = (text: string): string =>
  text.includes("'") && !text.includes('"')
    ? `"${escaped(text, /["\\\n]/g)}"`
    : `'${escaped(text, /['\\\n]/g)}'`

/**
 * Characters that a person cannot see or a file cannot hold: controls, formats (also those that reverse the
 * order of a line), separators other than the space, private and unassigned ones, and halves of pairs.
 */
const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]|(?! )\p{Zs}/gu

function escaped(text: string, special: RegExp): string {
  const safe = text.replaceAll(special, (character) =>
    character === '\n' ? '\n' : `\\${character}`,
  )
  const isLineKept = !special.source.includes('\\n')
  return safe.replaceAll(invisible, (character) => {
    if (character === '\n') return isLineKept ? '\n' : '\\n'
    if (character === '\t') return '\\t'
    if (character === '\r') return '\\r'
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`
  })
}

/** The text of a comment of one line. */
const commentText = (text: string): string =>
  text.replaceAll(invisible, ' ').replaceAll('*/', '* /')
