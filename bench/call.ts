/**
 * Calls between the benchmark and its child processes, over Node's own IPC channel: one question,
 * one reply, in order. A reply has an unknown type until a schema has read it.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

/** Answers the parent's questions. Ends the process when the parent has ended for any reason. */
export function answerCalls(answer: (question: unknown) => unknown): void {
  process.on('message', (question: unknown) => {
    Promise.resolve()
      .then(() => answer(question))
      .then(
        (reply) => process.send?.({ reply }),
        (error: unknown) => process.send?.({ error: String(error) }),
      )
  })
  process.on('disconnect', () => process.exit())
}

/**
 * Asks a child and waits for its reply.
 * @throws Error if the child could not answer, ended, or took longer than `deadlineMs`.
 */
export async function call(
  child: ChildProcess,
  question: object,
  deadlineMs: number,
): Promise<unknown> {
  const done = new AbortController()
  const signal = AbortSignal.any([done.signal, AbortSignal.timeout(deadlineMs)])
  child.send(question)
  const reply = once(child, 'message', { signal })
  const exit = once(child, 'exit', { signal }).then(() => {
    throw new Error('The process ended before it replied.')
  })
  try {
    const [message]: unknown[] = await Promise.race([reply, exit])
    if (typeof message === 'object' && message !== null && 'reply' in message) return message.reply
    throw new Error(`The process could not reply: ${JSON.stringify(message)}`)
  } finally {
    done.abort()
    await Promise.allSettled([reply, exit])
  }
}
