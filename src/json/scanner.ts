/**
 * Walks JSON text (RFC 8259) as its bytes arrive, without making values of it: where each value of the
 * outer levels begins and ends, and how much is in it. So a reader finds and measures what it wants
 * before it parses, and passes over the rest at the speed of a search for quotes. It checks the
 * structure; whether numbers, words and escapes are spelt well is for whoever parses a value.
 *
 * The level of a value is the number of containers around it. Its own code, since the parsers for
 * streams on npm make a token of every byte they pass over, at a tenth of the speed.
 */

/** Where a value is, and what is in it. */
export interface Span {
  /** Offsets in bytes from the beginning of the text. */
  start: number
  end: number
  /** Values in it, itself included. */
  values: number
  /** Escapes in its strings, keys included: what makes a string slow to write again. */
  escapes: number
  /** The deepest level in it. */
  depth: number
  /** A key in it that pollutes prototypes. */
  pollutes: string | undefined
}

export interface JsonVisitor {
  /** Values with a higher level than this are only measured. */
  readonly levels: number
  begin(level: number, at: Place): void
  end(level: number, span: Span, at: Place): void
}

/** The way to the value that begins or ends. */
export interface Place {
  readonly offset: number
  /** The key at each level; undefined in a list. */
  readonly keys: readonly (string | undefined)[]
  /** The first byte of the value that begins. */
  readonly byte: number
}

/** The text is no JSON, or deeper than any that is read. */
export class JsonFault extends Error {
  readonly kind: 'syntax' | 'depth'
  constructor(kind: JsonFault['kind']) {
    super(kind)
    this.kind = kind
  }
}

/** No container is entered below this level: the way out must be remembered. */
export const scannedDepthMax = 10_000

/** No number that is meant has more digits. */
const literalLengthMax = 1024

type Expected = 'value' | 'value-or-end' | 'key-or-end' | 'key' | 'colon' | 'comma-or-end' | 'end'

export class JsonScanner implements Place {
  readonly keys: (string | undefined)[] = []
  offset = 0
  byte = 0
  readonly #visitor: JsonVisitor
  #expected: Expected = 'value'
  #depth = 0
  readonly #isObject = new Uint8Array(scannedDepthMax + 1)
  /** Containers under a key named `constructor`. */
  readonly #isConstructor = new Uint8Array(scannedDepthMax + 1)
  #inString: 'no' | 'key' | 'value' = 'no'
  #isEscaped = false
  #inLiteral = false
  #literalStart = 0
  #key = new KeyReader()
  #isUnderConstructor = false
  #values = 0
  #escapes = 0
  #pollution: { key: string; at: number } | undefined
  readonly #open: Span[] = []

  constructor(visitor: JsonVisitor) {
    this.#visitor = visitor
  }

  /** @throws JsonFault, and what the visitor throws */
  push(bytes: Uint8Array): void {
    // Its `indexOf` is a search in native code.
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const base = this.offset
    const search = { quote: -1, escape: -1 }
    for (let at = 0; at < buffer.length;) {
      this.offset = base + at
      if (this.#inString === 'no') at = this.#step(buffer, at)
      else at = this.#passString(buffer, at, base, search)
    }
    this.offset = base + buffer.length
  }

  /** @throws JsonFault where the text is not whole */
  end(): void {
    if (this.#inLiteral) this.#endLiteral()
    if (this.#expected !== 'end') throw new JsonFault('syntax')
  }

  /** One byte outside of strings. */
  #step(buffer: Buffer, at: number): number {
    const byte = buffer[at] ?? 0
    if (this.#inLiteral) {
      if (isLiteral(byte)) {
        if (this.offset - this.#literalStart > literalLengthMax) throw new JsonFault('syntax')
        return at + 1
      }
      this.#endLiteral()
    }
    switch (byte) {
      case 0x20:
      case 0x0a:
      case 0x0d:
      case 0x09:
        break
      case quote:
        this.#openString(byte)
        break
      case colon:
        if (this.#expected !== 'colon') throw new JsonFault('syntax')
        this.#expected = 'value'
        break
      case comma:
        if (this.#expected !== 'comma-or-end') throw new JsonFault('syntax')
        this.#expected = this.#isObject[this.#depth] === 1 ? 'key' : 'value'
        break
      case openBrace:
      case openBracket:
        this.#enter(byte)
        break
      case closeBrace:
      case closeBracket:
        this.#leave(byte)
        break
      default:
        if (!isLiteral(byte)) throw new JsonFault('syntax')
        this.#beginValue(byte)
        this.#inLiteral = true
        this.#literalStart = this.offset
    }
    return at + 1
  }

  #openString(byte: number): void {
    if (this.#expected === 'key' || this.#expected === 'key-or-end') {
      this.#inString = 'key'
      this.#key.begin(this.offset + 1)
    } else {
      this.#beginValue(byte)
      this.#inString = 'value'
    }
  }

  /** To the end of the string or of the bytes. `search` remembers what was found further on. */
  #passString(buffer: Buffer, from: number, base: number, search: Search): number {
    let at = from
    const { length } = buffer
    while (at < length) {
      if (this.#isEscaped) {
        this.#isEscaped = false
        at++
        continue
      }
      const near = Math.min(length, at + nearMax)
      while (at < near && buffer[at] !== quote && buffer[at] !== backslash) at++
      if (at === near && at < length) at = ahead(buffer, at, search)
      if (at === length) break
      if (buffer[at] === quote) {
        this.offset = base + at + 1
        if (this.#inString === 'key') this.#endKey(buffer, base, at)
        else this.#endValue()
        this.#inString = 'no'
        return at + 1
      }
      this.#escapes++
      this.#isEscaped = true
      at++
    }
    if (this.#inString === 'key') this.#key.carry(buffer, base)
    return length
  }

  #endKey(buffer: Buffer, base: number, at: number): void {
    const level = this.#depth
    const key = this.#key.end(buffer, base, at, level <= this.#visitor.levels)
    this.#expected = 'colon'
    this.#isUnderConstructor = key === 'constructor'
    if (level <= this.#visitor.levels) this.keys[level] = key
    if (key === '__proto__' || (key === 'prototype' && this.#isConstructor[level] === 1)) {
      const named = key === 'prototype' ? 'constructor' : key
      this.#pollution = { key: named, at: this.offset }
    }
  }

  #enter(byte: number): void {
    const isConstructor = this.#isUnderConstructor
    this.#beginValue(byte)
    if (this.#depth === scannedDepthMax) throw new JsonFault('depth')
    const span = this.#open[Math.min(this.#depth, this.#visitor.levels)]
    this.#depth++
    if (span !== undefined && span.depth < this.#depth) span.depth = this.#depth
    const isObject = byte === openBrace
    this.#isObject[this.#depth] = isObject ? 1 : 0
    this.#isConstructor[this.#depth] = isConstructor && isObject ? 1 : 0
    this.#isUnderConstructor = false
    if (this.#depth <= this.#visitor.levels) this.keys[this.#depth] = undefined
    this.#expected = isObject ? 'key-or-end' : 'value-or-end'
  }

  #leave(byte: number): void {
    const isObject = byte === closeBrace
    const isEmpty = this.#expected === (isObject ? 'key-or-end' : 'value-or-end')
    const closes = this.#depth > 0 && (this.#isObject[this.#depth] === 1) === isObject
    if (!closes || (!isEmpty && this.#expected !== 'comma-or-end')) throw new JsonFault('syntax')
    this.#depth--
    this.offset++
    this.#endValue()
  }

  #endLiteral(): void {
    this.#inLiteral = false
    this.#endValue()
  }

  #beginValue(byte: number): void {
    if (this.#expected !== 'value' && this.#expected !== 'value-or-end')
      throw new JsonFault('syntax')
    const level = this.#depth
    if (level <= this.#visitor.levels) {
      const { offset: start } = this
      // Counts are of the whole text until the span ends.
      this.#open[level] = {
        start,
        end: start,
        values: this.#values,
        escapes: this.#escapes,
        depth: level,
        pollutes: undefined,
      }
      this.byte = byte
      this.#visitor.begin(level, this)
    }
    this.#values++
  }

  #endValue(): void {
    const level = this.#depth
    this.#expected = level === 0 ? 'end' : 'comma-or-end'
    this.#isUnderConstructor = false
    const span = level <= this.#visitor.levels ? this.#open[level] : undefined
    if (span === undefined) return
    span.end = this.offset
    span.values = this.#values - span.values
    span.escapes = this.#escapes - span.escapes
    const pollution = this.#pollution
    if (pollution !== undefined && pollution.at > span.start) span.pollutes = pollution.key
    const outer = this.#open[level - 1]
    if (outer !== undefined && outer.depth < span.depth) outer.depth = span.depth
    this.#visitor.end(level, span, this)
  }
}

/** The text of keys: only of those that are asked for, and of those that might pollute. */
class KeyReader {
  #start = 0
  #carried: Buffer[] = []

  begin(start: number): void {
    this.#start = start
    this.#carried = []
  }

  /** The bytes end within the key. */
  carry(buffer: Buffer, base: number): void {
    const size = this.#carried.reduce((sum, { length }) => sum + length, 0)
    if (size > keyLengthMax) return
    this.#carried.push(buffer.subarray(Math.max(0, this.#start - base)))
  }

  /** '' for one that is too long to be any that matters. */
  end(buffer: Buffer, base: number, at: number, isWanted: boolean): string {
    const here = buffer.subarray(Math.max(0, this.#start - base), at)
    const raw = this.#carried.length === 0 ? here : Buffer.concat([...this.#carried, here])
    if (raw.length > keyLengthMax) return ''
    const isSpelt = raw.includes(backslash)
    if (!isWanted && !isSpelt && raw.length !== 9 && raw.length !== 11) return ''
    const text = raw.toString()
    return isSpelt ? unescapedKey(text) : text
  }
}

/** Longer than any name that is looked for, each character spelt with an escape. */
const keyLengthMax = 512

function unescapedKey(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    throw new JsonFault('syntax')
  }
}

interface Search {
  quote: number
  escape: number
}

/** The next quote or backslash from `at` on; each byte is searched once for each. */
function ahead(buffer: Buffer, at: number, search: Search): number {
  if (search.quote < at) search.quote = found(buffer, quote, at)
  if (search.escape < at) search.escape = found(buffer, backslash, at)
  return Math.min(search.quote, search.escape)
}

function found(buffer: Buffer, byte: number, from: number): number {
  const at = buffer.indexOf(byte, from)
  return at === -1 ? buffer.length : at
}

/** Numbers, `true`, `false` and `null`. */
const isLiteral = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x2b ||
  byte === 0x2e ||
  byte === 0x45

/** A call of a native search costs as much as this many bytes. */
const nearMax = 48

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const comma = 0x2c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d
