/**
 * Goes on with an answer that was cut off, as a language model can. After a takeover the runner asks
 * the model to go on from what it had said; the demo model makes the whole reply again and sends the
 * rest of it.
 */
import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { textOf } from './conversation.ts'
import type { Reply } from './reply.ts'

/** Replies as `reply` does, without the text that was sent before the cut. */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const prompt = [...options.prompt]
  let sent = ''
  for (
    let note = prompt.at(-1);
    note?.role === 'user' && isNote(textOf(note));
    note = prompt.at(-1)
  ) {
    prompt.pop()
    // Each takeover begins a step, so after two takeovers two messages stand before the note.
    for (let last = prompt.at(-1); last?.role === 'assistant'; last = prompt.at(-1)) {
      sent = textOf(last) + sent
      prompt.pop()
    }
  }
  const whole = reply({ ...options, prompt })
  if (sent === '' || !whole.text.startsWith(sent)) return whole
  return { ...whole, reasoning: '', text: whole.text.slice(sent.length) }
}

const isNote = (text: string): boolean => text.startsWith('Your reply was cut off')
