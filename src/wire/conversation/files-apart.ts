/**
 * Removes large files from a message while the AI SDK converts it, and puts them back afterwards.
 * The SDK parses each address as a URL, which takes 20 ms for a `data:` URL of 9 MB and keeps a
 * second copy.
 */
import type { ModelMessage, UIMessage } from 'ai'

type Part = UIMessage['parts'][number]

/** Characters of a URL that is parsed in well under a millisecond. */
const smallMax = 100_000

export class FilesApart {
  /** The large addresses, by the short address in their place. */
  readonly #urls = new Map<string, string>()

  /** Returns the part with a short address in place of a large one. */
  take(part: Part): Part {
    if (part.type !== 'file' || part.url.length <= smallMax || !/^data:/i.test(part.url)) {
      return part
    }
    // This is base64 in lines. A URL parser removes the white space.
    if ([' ', '\n', '\r', '\t'].some((blank) => part.url.includes(blank))) return part
    const url = `data:,${this.#urls.size}`
    this.#urls.set(url, part.url)
    return { ...part, url }
  }

  /** Puts the large addresses back into the converted parts. */
  putBack(content: ModelMessage['content']): void {
    if (this.#urls.size === 0 || typeof content === 'string') return
    for (const part of content) if (part.type === 'file') part.data = this.#of(part.data)
  }

  #of<DATA>(data: DATA): DATA | string {
    const inner: unknown =
      typeof data === 'object' && data !== null && 'url' in data ? data.url : data
    return this.#urls.get(inner instanceof URL ? inner.href : String(inner)) ?? data
  }
}
