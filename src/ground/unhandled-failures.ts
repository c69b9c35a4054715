/**
 * Failures that no code handles: a promise of a tool that rejects after the tool has returned, or an
 * error that a timer of an agent's file throws. Node.js would end the process, and with it the answers of
 * all sessions.
 */
import { errorMessage } from './error.ts'

/**
 * Keeps the process running after such a failure.
 * @param report receives an error whose message names the failure, with the stack of the failure
 */
export function keepRunning(program: NodeJS.Process, report: (error: Error) => void): void {
  const failed = (text: string) => (cause: unknown) => {
    const error = new Error(`${text}: ${errorMessage(cause)}`, { cause })
    if (cause instanceof Error) error.stack = `${text}: ${cause.stack}`
    report(error)
  }
  program
    .on('unhandledRejection', failed('A promise was rejected, and no code handles this'))
    .on('uncaughtException', failed('An error was thrown, and no code handles it'))
}
