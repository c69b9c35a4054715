/** Asks at the terminal before an effect that cannot be undone. */
import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'

import { LoomError } from '../../ground/error.ts'
import { plainLine } from '../render/plain.ts'
import { openTerminal } from '../terminal.ts'

/**
 * Returns `yes` if the human types the name, `no` for any other text, and `interrupted` after Ctrl-C or Ctrl-D.
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
      `There is no terminal to confirm the erasure of ${what}. Use --yes to erase without a question.`,
    )
  }
  const { input, output } = terminal
  const lines = createInterface({ input, output })
  // Ctrl-C rejects the question. After Ctrl-D the question never settles, so the end of the input ends the wait.
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
