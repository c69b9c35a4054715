/**
 * Scans JSON text (RFC 8259) as its bytes arrive, without creating values. It reports where each
 * value of the outer levels begins and ends, and how much it contains. So a reader finds and
 * measures values before it parses them, and skips the rest at the speed of a search for quotes.
 * The scanner checks the structure. It does not check the spelling of numbers, words and escapes;
 * the parser of a value does.
 *
 * The level of a value is the number of containers around it. Loom has its own scanner because the
 * streaming parsers on npm create a token for every skipped value, at a tenth of the speed.
 */

import { KeyReader } from './key-reader.ts'
import { nextInString, type Search } from './string-search.ts'
import {
  closeBrace,
  closeBracket,
  colon,
  comma,
  isLiteral,
  JsonFault,
  openBrace,
  openBracket,
  quote,
} from './syntax.ts'

/** The place of a value, and counts of its content. */
export interface Span {
  /** Offsets in bytes from the beginning of the text. */
  start: number
  end: number
  /** The number of values in it, including itself. */
  values: number
  /** The number of escapes in its strings and keys. Escapes make a string slow to write again. */
  escapes: number
  /** The deepest level in it. */
  depth: number
  /** A key in it that pollutes prototypes. */
  pollutes: string | undefined
}

export interface JsonVisitor {
  /** Values of a higher level than this are only measured. */
  readonly levels: number
  begin(level: number, at: ValuePosition): void
  end(level: number, span: Span, at: ValuePosition): void
}

/** The path to the value that begins or ends. */
export interface ValuePosition {
  readonly offset: number
  /** The key at each level; undefined in a list. */
  readonly keys: readonly (string | undefined)[]
  /** The first byte of the value that begins. */
  readonly byte: number
}

/** The deepest level of containers. The scanner stores the path out of every open container. */
const scannedDepthMax = 10_000

/** No useful number has more digits. */
const literalLengthMax = 1024

type Expected = 'value' | 'value-or-end' | 'key-or-end' | 'key' | 'colon' | 'comma-or-end' | 'end'

export class JsonScanner implements ValuePosition {
  readonly keys: (string | undefined)[] = []
  offset = 0
  byte = 0
  readonly #visitor: JsonVisitor
  #expected: Expected = 'value'
  #depth = 0
  readonly #isObject = new Uint8Array(scannedDepthMax + 1)
  /** Marks the containers under a key named `constructor`. */
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

  /** @throws JsonFault for a fault in the text, and the error that the visitor throws */
  push(bytes: Uint8Array): void {
    // `indexOf` of a Buffer is a search in native code.
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

  /** @throws JsonFault if the text is not complete */
  end(): void {
    if (this.#inLiteral) this.#endLiteral()
    if (this.#expected !== 'end') throw new JsonFault('syntax')
  }

  /** Scans one byte outside of strings. */
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

  /** Skips to the end of the string or of the bytes. `search` keeps the places that it found further on. */
  #passString(buffer: Buffer, from: number, base: number, search: Search): number {
    let at = from
    const { length } = buffer
    while (at < length) {
      if (this.#isEscaped) {
        this.#isEscaped = false
        at++
        continue
      }
      at = nextInString(buffer, at, search)
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
      // The counts are those of the whole text until the span ends.
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
