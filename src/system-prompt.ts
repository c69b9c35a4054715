/** The instructions of an agent: a text, or parts with points up to which a provider caches the prompt. */

/**
 * A part of a system prompt. Anthropic's models (also on Amazon Bedrock and OpenRouter) and Google's
 * models on OpenRouter cache the prompt up to the end of a part with `cache`. For any other model, the
 * parts become one text with a blank line between them.
 * @example
 * ```ts
 * import type { SystemPromptPart } from 'loomkit'
 *
 * const handbook: SystemPromptPart = { text: 'The rules of the house: …', cache: true }
 * const today: SystemPromptPart = { text: `Today is ${new Date().toDateString()}.` }
 * ```
 */
export interface SystemPromptPart {
  /** The text of this part. */
  text: string
  /**
   * Lets the provider cache the prompt up to the end of this part: for its usual time, or for `5m` or
   * `1h` where it offers both. Anthropic takes at most 4 such parts. @defaultValue false
   */
  cache?: boolean | '5m' | '1h'
}

/**
 * The system prompt of an agent: a text, or a list of texts and parts.
 * @example
 * ```ts
 * import { defineAgent, type SystemPrompt } from 'loomkit'
 *
 * const systemPrompt: SystemPrompt = [{ text: 'You know this law: …', cache: true }, 'Be brief.']
 * const lawyer = defineAgent({ name: 'lawyer', systemPrompt })
 * ```
 */
export type SystemPrompt = string | readonly (string | SystemPromptPart)[]

/** Returns the parts of a system prompt that have a text. */
export function systemParts(prompt: SystemPrompt): SystemPromptPart[] {
  const parts = typeof prompt === 'string' ? [prompt] : prompt
  return parts
    .map((part) => (typeof part === 'string' ? { text: part } : part))
    .filter(({ text }) => text !== '')
}

/** Returns the system prompt as one text. */
export const systemText = (prompt: SystemPrompt): string =>
  typeof prompt === 'string'
    ? prompt
    : systemParts(prompt)
        .map(({ text }) => text)
        .join('\n\n')
