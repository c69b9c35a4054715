/**
 * Going on after a cut: when a turn is taken over, the runner keeps what the model had said and tells
 * it to go on from there. A language model can, so the demo model does: it finds what it would have
 * said, and says the rest.
 */
import type { LanguageModelV4CallOptions, LanguageModelV4Prompt } from '@ai-sdk/provider'

import { textOf } from './conversation.ts'
import type { Reply } from './reply.ts'

const notePattern = /^Your reply was cut off\b/

/** Replies as `reply` does, without what has been said already. */
export function resumed(
  options: LanguageModelV4CallOptions,
  reply: (options: LanguageModelV4CallOptions) => Reply,
): Reply {
  const { prompt, said } = beforeCut(options.prompt)
  if (prompt === options.prompt) return reply(options)
  const whole = reply({ ...options, prompt })
  if (!whole.text.startsWith(said)) return whole
  return { ...whole, reasoning: '', text: whole.text.slice(said.length) }
}

/** The prompt as it was before the first cut, and all that was said since. */
function beforeCut(prompt: LanguageModelV4Prompt): { prompt: LanguageModelV4Prompt; said: string } {
  let end = prompt.length
  let said = ''
  while (isNote(prompt[end - 1])) {
    end -= 1
    // Each takeover begins a step, so a turn that was taken over twice has two messages before its note.
    while (prompt[end - 1]?.role === 'assistant') {
      end -= 1
      said = textOf(prompt[end]) + said
    }
  }
  return end === prompt.length ? { prompt, said } : { prompt: prompt.slice(0, end), said }
}

const isNote = (message: LanguageModelV4Prompt[number] | undefined): boolean =>
  message?.role === 'user' && notePattern.test(textOf(message))
