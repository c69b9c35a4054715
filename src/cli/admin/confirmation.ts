/** Asks at the terminal before an effect that cannot be undone. */
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'

import { LoomError } from '../../ground/error.ts'
import { plainLine } from '../render/plain.ts'
import { openTerminal } from '../terminal.ts'

/**
 * Returns whether the human repeats the name. `interrupted`: Ctrl-C or Ctrl-D.
 * @throws LoomError `invalid-request` without a terminal
 */
export async function confirms(
  program: NodeJS.Process,
  what: string,
  name: string,
): Promise<'yes' | 'no' | 'interrupted'> {
  const terminal = openTerminal(program)
  if (terminal === undefined) {
    throw new LoomError(
      'invalid-request',
      `Nobody is at a terminal to confirm the erasure of ${what}. --yes erases without a question.`,
    )
  }
  const { input, output } = terminal
  const lines = createInterface({ input, output })
  // Ctrl-C rejects the question, and after Ctrl-D it would wait for ever.
  const closed = once(lines, 'close').then(() => undefined)
  const question = `An erasure cannot be undone. To erase ${plainLine(what)}, type its name: `
  const answer = await Promise.race([lines.question(question).catch(unlessAborted), closed])
  lines.close()
  terminal.close()
  if (answer === undefined) output.write('\n')
  if (answer === undefined) return 'interrupted'
  return answer.trim() === name ? 'yes' : 'no'
}

function unlessAborted(error: unknown): undefined {
  if (!(error instanceof Error) || error.name !== 'AbortError') throw error
}
