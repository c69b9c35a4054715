/**
 * What is asked, from the command line and from stdin: `loom "explain" < file` asks about the file,
 * `loom - < file` asks what the file says.
 */
import { LoomError } from '../error.ts'

/** More than this fits no model's window, and is rather a mistake. */
const stdinBytesMax = 4 * 1024 * 1024
/** How long stdin is silent before it is said that it is being read. */
const silenceMs = 3000

export interface PromptInput {
  words: readonly string[]
  stdin: NodeJS.ReadStream
  /** Told to whoever wonders why nothing happens. */
  notice: (line: string) => void
  /** Aborted when the command is told to go. */
  signal: AbortSignal
}

/**
 * Reads it all. '' when there is nothing.
 * @throws LoomError `payload-too-large`
 */
export async function readPrompt({ words, stdin, notice, signal }: PromptInput): Promise<string> {
  const asksStdin = words.length === 1 && words[0] === '-'
  const said = asksStdin ? '' : words.join(' ').trim()
  if (stdin.isTTY && !asksStdin) return said
  const piped = (await readAll(stdin, { notice, signal })).trim()
  if (said === '' || piped === '') return said + piped
  return `${said}\n\n${piped}`
}

async function readAll(
  stdin: NodeJS.ReadStream,
  { notice, signal }: Pick<PromptInput, 'notice' | 'signal'>,
): Promise<string> {
  const timer = setTimeout(
    () => notice('loom: reading stdin until it ends (give it /dev/null if it is not meant)'),
    silenceMs,
  )
  const chunks: Buffer[] = []
  let size = 0
  const leave = () => stdin.destroy()
  signal.addEventListener('abort', leave, { once: true })
  try {
    for await (const chunk of stdin) {
      clearTimeout(timer)
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk)
      chunks.push(bytes)
      size += bytes.length
      if (size > stdinBytesMax) {
        const limit = `${stdinBytesMax / 1024 / 1024} MiB`
        throw new LoomError('payload-too-large', `stdin holds more than ${limit}.`)
      }
    }
  } catch (error) {
    if (error instanceof LoomError) throw error
    signal.throwIfAborted()
    // EISDIR, EBADF: whatever stdin is, there is nothing to be read.
    if (size === 0) return ''
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
  // What is no UTF-8 becomes U+FFFD, and a byte order mark is left out.
  return new TextDecoder().decode(Buffer.concat(chunks))
}
