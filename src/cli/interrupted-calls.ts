/** Shows the calls of an answer during which the command was killed. */
import { getToolName, isToolUIPart } from 'ai'

import type { Conversation } from './conversation.ts'
import { unknownOutcome } from './file-store.ts'
import { plainLine } from './render/plain.ts'
import type { Screen } from './render/screen.ts'

const charactersMax = 200

/**
 * Prints each call of an answer that a kill of the command interrupted, with its outcome if known.
 */
export async function showInterruptedCalls(
  conversation: Conversation,
  screen: Screen,
): Promise<void> {
  const last = (await conversation.messages()).at(-1)
  const calls = (last?.parts ?? []).filter((part) => isToolUIPart(part))
  if (!calls.some(isInterrupted)) return
  screen.note(screen.paint('dim', '  The last answer was interrupted. Its calls:'))
  for (const call of calls) {
    const input = plainLine(JSON.stringify(call.input ?? {})).slice(0, charactersMax)
    const outcome = isInterrupted(call)
      ? 'outcome unknown: it may be done, and was not repeated'
      : call.state === 'output-available'
        ? 'done'
        : plainLine(call.errorText ?? 'not done')
    screen.note(`  ● ${plainLine(getToolName(call))} ${input}: ${outcome}`)
  }
}

const isInterrupted = (part: { errorText?: string | undefined }): boolean =>
  part.errorText === unknownOutcome
