/** Reads the keys of objects from bytes that arrive in pieces. */
import { backslash, JsonFault } from './syntax.ts'

/** In bytes. No wanted key is longer, even with an escape for each character. */
const keyLengthMax = 512

/** Decodes only the keys that a reader asked for, and those that may pollute a prototype. */
export class KeyReader {
  #start = 0
  #carried: Buffer[] = []

  begin(start: number): void {
    this.#start = start
    this.#carried = []
  }

  /** Keeps the part of the key that these bytes have. */
  carry(buffer: Buffer, base: number): void {
    const size = this.#carried.reduce((sum, { length }) => sum + length, 0)
    if (size > keyLengthMax) return
    this.#carried.push(buffer.subarray(Math.max(0, this.#start - base)))
  }

  /** @returns the key, or '' if it is longer than any wanted key */
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

function unescapedKey(text: string): string {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    throw new JsonFault('syntax')
  }
}
