/**
 * The question, from the command line and from stdin. `loom "explain" < file` asks about the file.
 * `loom - < file` uses the file as the question. A question on the command line is also asked if
 * stdin is a pipe that stays open and empty. cron, CI and other programs leave stdin in this state.
 */
import { LoomError } from '../ground/error.ts'

/** More text fits into no context window and is probably a mistake. */
const stdinBytesMax = 4 * 1024 * 1024
/** Time without input after which the command reports that it reads stdin. */
const silenceMs = 3000
/** Time without input after which the command asks the question of the command line alone. */
const patienceMs = 3000

export interface PromptInput {
  words: readonly string[]
  stdin: NodeJS.ReadStream
  /** Prints a line for the user while the command waits for input. */
  notice: (line: string) => void
  /** Aborts when an interrupt ends the command. */
  signal: AbortSignal
}

/**
 * Reads the whole question. Returns '' if there is none.
 * @throws LoomError `payload-too-large`
 */
export async function readPrompt({ words, stdin, notice, signal }: PromptInput): Promise<string> {
  const asksStdin = words[0] === '-'
  const question = words
    .slice(asksStdin ? 1 : 0)
    .join(' ')
    .trim()
  if (stdin.isTTY && !asksStdin) return question
  if (question !== '' && !asksStdin && !(await hasInput(stdin, signal))) {
    notice(
      `loom: nothing came on stdin in ${patienceMs / 1000} s; asking without it (loom - "…" waits for it)`,
    )
    return question
  }
  const piped = (await readAll(stdin, { notice, signal })).trim()
  if (question === '' || piped === '') return question + piped
  return `${question}\n\n${piped}`
}

/** Whether stdin has data or ends within `patienceMs`. */
async function hasInput(stdin: NodeJS.ReadStream, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const onInput = () => resolve(true)
  const timer = setTimeout(() => resolve(false), patienceMs)
  stdin.once('readable', onInput).once('end', onInput).once('error', onInput)
  signal.addEventListener('abort', onInput, { once: true })
  const isThere = await promise
  clearTimeout(timer)
  stdin.off('readable', onInput).off('end', onInput).off('error', onInput)
  signal.removeEventListener('abort', onInput)
  // An open stream without a reader would keep the process running.
  if (!isThere) stdin.destroy()
  return isThere
}

async function readAll(
  stdin: NodeJS.ReadStream,
  { notice, signal }: Pick<PromptInput, 'notice' | 'signal'>,
): Promise<string> {
  const timer = setTimeout(
    () => notice('loom: reading stdin until it ends (add < /dev/null if there is no input)'),
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
    // EISDIR, EBADF: stdin is a directory or closed, so there is no input.
    if (size === 0) return ''
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', leave)
  }
  // Bytes that are not UTF-8 become U+FFFD. A byte order mark is removed.
  return new TextDecoder().decode(Buffer.concat(chunks))
}
