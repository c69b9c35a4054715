/**
 * Texts that a provider's content policy refuses. A refused message ends its own turn with the
 * provider's reason. If it stayed in the prompt, it would end every later turn too. So the messages of
 * turns without an answer are replaced by one line, and the same model is asked once more. The
 * conversation keeps them.
 */
import { createHash } from 'node:crypto'

import { APICallError } from '@ai-sdk/provider'
import type {
  LanguageModelV4,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider'

import type { LoomError } from '../ground/error.ts'
import { isKeyRemembered, remember } from './refusal-memory.ts'

/** Words of Azure, DashScope, DeepSeek, Zhipu, Bedrock, Anthropic and gateways. */
const policyWords =
  /content[ _-]?(?:filter|management|policy|moderation|exists risk)|responsible_?ai|data_?inspection|inappropriate content|moderation|safety (?:system|policy|filter|setting)|usage polic|sensitive|prohibited|guardrail|blocked by|不安全|敏感/i

const refusals = new Set([400, 403, 406, 422, 451])

const stub = '[This text is not shown: the provider of the model refused it.]'

export class TextFilter {
  #request: { model: LanguageModelV4; prompt: LanguageModelV4Prompt } | undefined
  /** Keys of messages that are currently hidden from the model. */
  #hidden: readonly string[] = []

  /** The prompt with the texts that its model may receive. */
  promptFor(model: LanguageModelV4, prompt: LanguageModelV4Prompt): LanguageModelV4Prompt {
    this.#request = { model, prompt }
    const hidden = new Set(this.#hidden)
    const unanswered = new Set(unansweredIn(prompt))
    if (unanswered.size === 0) return prompt
    return prompt.map((message) => {
      if (!unanswered.has(message)) return message
      const key = keyOf(message)
      return hidden.has(key) || isKeyRemembered(model, key) ? withoutText(message) : message
    })
  }

  /** Handles a final refusal of the prompt. Returns true if the model is to be asked again with less. */
  recordRefusal(failure: LoomError): boolean {
    const request = this.#request
    if (request === undefined || this.#hidden.length > 0 || !isOfPolicy(failure)) return false
    const keys = unansweredIn(request.prompt).map(keyOf)
    const shown = keys.filter((key) => !isKeyRemembered(request.model, key))
    this.#hidden = shown
    return shown.length > 0
  }

  /** Records an answer: the texts that were hidden last are the ones that the model refused. */
  recordAnswer(): void {
    if (this.#request !== undefined) {
      remember(
        this.#request.model,
        this.#hidden.map((key) => ({ key, isSure: true })),
      )
    }
    this.#hidden = []
  }
}

/** The messages of earlier turns without an answer. */
function unansweredIn(prompt: LanguageModelV4Prompt): LanguageModelV4Message[] {
  const found: LanguageModelV4Message[] = []
  let turn: LanguageModelV4Message[] = []
  for (const message of prompt) {
    if (message.role === 'user') {
      if (turn.at(-1)?.role !== 'assistant') found.push(...turn)
      turn = []
    }
    if (message.role !== 'system') turn.push(message)
  }
  return found
}

function isOfPolicy({ code, message, cause }: LoomError): boolean {
  if (code !== 'model-failed' || !APICallError.isInstance(cause)) return false
  if (!refusals.has(cause.statusCode ?? 0)) return false
  return policyWords.test(`${message} ${cause.responseBody ?? ''}`)
}

const keyOf = (message: LanguageModelV4Message): string =>
  `text:${createHash('sha256').update(JSON.stringify(message)).digest('base64url')}`

/** Removes the text. A call stays, and its result keeps its form: providers require both. */
function withoutText(message: LanguageModelV4Message): LanguageModelV4Message {
  if (message.role === 'user') return { ...message, content: [{ type: 'text', text: stub }] }
  if (message.role !== 'tool') return message
  const content = message.content.map((part) =>
    part.type === 'tool-result'
      ? { ...part, output: { type: 'text' as const, value: stub } }
      : part,
  )
  return { ...message, content }
}
