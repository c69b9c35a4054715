/**
 * The chunks in the bytes of a streamed answer. Each is one event (`src/wire/frames/ui.ts`), and its JSON goes to
 * the socket as it is.
 */

/** The end of a stream that was not cut. */
const done = '[DONE]'

/**
 * Yields the JSON of each chunk.
 * @returns whether the answer is complete
 */
export async function* chunksOf(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): AsyncGenerator<string, boolean> {
  const decoder = new TextDecoder()
  // The pieces of a line that has not ended: a large chunk arrives in many reads.
  let pieces: string[] = []
  for (;;) {
    const { value, done: isOver } = await reader.read()
    if (isOver) return false
    const lines = decoder.decode(value, { stream: true }).split('\n')
    const rest = lines.pop() ?? ''
    for (const end of lines) {
      const line = pieces.length === 0 ? end : pieces.join('') + end
      pieces = []
      if (!line.startsWith('data: ')) continue
      if (line.length === done.length + 6 && line.endsWith(done)) return true
      yield line.slice(6)
    }
    if (rest !== '') pieces.push(rest)
  }
}
