/** The bytes of JSON's syntax (RFC 8259), and the error for a text that breaks it. */

/** The text is not JSON (`syntax`), or its containers are deeper than the reader allows (`depth`). */
export class JsonFault extends Error {
  readonly kind: 'syntax' | 'depth'
  constructor(kind: JsonFault['kind']) {
    super(kind)
    this.kind = kind
  }
}

export const quote = 0x22
export const backslash = 0x5c
export const colon = 0x3a
export const comma = 0x2c
export const openBracket = 0x5b
export const closeBracket = 0x5d
export const openBrace = 0x7b
export const closeBrace = 0x7d

/** True for a byte of a number, `true`, `false` or `null`. */
export const isLiteral = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x2b ||
  byte === 0x2e ||
  byte === 0x45
