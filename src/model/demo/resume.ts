/**
 * Continues an answer that was cut off, as a language model can. After a takeover, the runner asks the
 * model to continue after the text that was sent. The demo model makes the whole reply again and sends
 * the rest of it.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4Message } from '@ai-sdk/provider'

import { textOf } from './conversation.ts'
import type { Reply } from './reply.ts'

/** Replies as `reply` does, without the text that was sent before the cut. */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const prompt = [...options.prompt]
  let sent = ''
  while (isNote(prompt.at(-1))) {
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

const isNote = (message: LanguageModelV4Message | undefined): boolean =>
  message?.role === 'user' && textOf(message).startsWith('Your reply was cut off')
