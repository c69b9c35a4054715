/** The chunks in the bytes of a stream. */

/** A chunk of a stream: a `UIMessageChunk` of the AI SDK. Its other fields depend on its type. */
export interface Chunk {
  /** The kind of the chunk, such as `start`, `text-delta` or `finish`. */
  type: string
  /** Of `start`: the id of the message that begins or continues. */
  messageId?: string
}

export interface ChunkReader<CHUNK> {
  /** Returns the next chunks, in order. Undefined at the end. */
  read: () => Promise<CHUNK[] | undefined>
  cancel: (reason?: unknown) => Promise<void>
}

/**
 * @param body a body whose pieces contain only complete events, as those of `resumableFetch` do
 */
export function chunkReader<CHUNK = Chunk>(body: ReadableStream<Uint8Array>): ChunkReader<CHUNK> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  return {
    async read() {
      const { done, value } = await reader.read()
      if (done) return undefined
      const events = decoder.decode(value, { stream: true }).matchAll(/^data: ?(\{.+)$/gm)
      return Array.from(events, ([, data = '']): CHUNK => JSON.parse(data))
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

/**
 * Returns the chunks as a stream.
 * @param observer its `onEnd` is called at the end, at a failure, or when the reader leaves
 */
export function chunkStream<CHUNK>(
  body: ReadableStream<Uint8Array>,
  { onChunk, onEnd }: { onChunk: (chunk: Chunk) => void; onEnd: (error?: unknown) => void },
): ReadableStream<CHUNK> {
  // The server sends the chunks of the version that the profile names.
  const reader = chunkReader<CHUNK & Chunk>(body)
  return new ReadableStream<CHUNK>({
    async pull(controller) {
      try {
        // A piece that contains only comments has no chunk, and a `pull` without one is not repeated.
        for (let isEmpty = true; isEmpty;) {
          const chunks = await reader.read()
          isEmpty = chunks?.length === 0
          for (const chunk of chunks ?? []) {
            onChunk(chunk)
            controller.enqueue(chunk)
          }
          if (chunks !== undefined) continue
          onEnd()
          controller.close()
        }
      } catch (error) {
        onEnd(error)
        throw brokenStream(error)
      }
    },
    cancel(reason) {
      onEnd()
      return reader.cancel(reason)
    },
  })
}

/**
 * The error of a lost connection. After a `TypeError`, ai 5 and 6 would keep the partial message and show its parts
 * twice when the stream is read from its start.
 */
const brokenStream = (error: unknown): unknown =>
  error instanceof TypeError
    ? new Error('The connection to the server was lost, and the server cannot be reached.', {
        cause: error,
      })
    : error
