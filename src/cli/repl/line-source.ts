/** The lines of a conversation without a terminal: each line of stdin is a message. */
import { createInterface } from 'node:readline'

import type { LineReader } from '../human.ts'

/** Reads one line at a time, after the previous line was answered. */
export function openLines(stdin: NodeJS.ReadStream): LineReader & { close: () => void } {
  const lines = createInterface({
    input: stdin,
    terminal: false,
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  const iterator = lines[Symbol.asyncIterator]()
  return {
    async read(_prompt, { signal } = {}) {
      const left = Promise.withResolvers<'left'>()
      const leave = () => left.resolve('left')
      signal?.addEventListener('abort', leave, { once: true })
      if (signal?.aborted === true) leave()
      const next = await Promise.race([iterator.next(), left.promise])
      signal?.removeEventListener('abort', leave)
      if (next === 'left') return { type: 'left', text: '' }
      return next.done === true ? { type: 'end' } : { type: 'line', text: next.value }
    },
    close: () => lines.close(),
  }
}
