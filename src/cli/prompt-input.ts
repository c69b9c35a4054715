/**
 * What is asked, from the command line and from stdin: `loom "explain" < file` asks about the file,
 * `loom - < file` asks what the file says. A question in the words is asked although stdin is a pipe on
 * which nothing comes and that nobody closes, as cron, CI and other programs leave it.
 */
import { LoomError } from '../ground/error.ts'

/** More than this fits no model's window, and is rather a mistake. */
const stdinBytesMax = 4 * 1024 * 1024
/** How long stdin is silent before it is said that it is being read. */
const silenceMs = 3000
/** How long a pipe may bring nothing before a question in the words is asked without it. */
const patienceMs = 3000

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
  const asksStdin = words[0] === '-'
  const said = words
    .slice(asksStdin ? 1 : 0)
    .join(' ')
    .trim()
  if (stdin.isTTY && !asksStdin) return said
  if (said !== '' && !asksStdin && !(await brings(stdin, signal))) {
    notice(
      `loom: nothing came on stdin in ${patienceMs / 1000} s; asking without it (loom - "…" waits for it)`,
    )
    return said
  }
  const piped = (await readAll(stdin, { notice, signal })).trim()
  if (said === '' || piped === '') return said + piped
  return `${said}\n\n${piped}`
}

/** Whether there is something to read, or an end, before the patience is over. */
async function brings(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const come = () => resolve(true)
  const timer = setTimeout(() => resolve(false), patienceMs)
  stdin.once('readable', come).once('end', come).once('error', come)
  signal.addEventListener('abort', come, { once: true })
  const isThere = await promise
  clearTimeout(timer)
  stdin.off('readable', come).off('end', come).off('error', come)
  signal.removeEventListener('abort', come)
  // Nothing keeps the process waiting for what is not read.
  if (!isThere) stdin.destroy()
  return isThere
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
