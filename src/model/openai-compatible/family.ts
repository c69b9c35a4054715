/**
 * Rules of a provider about the form of a history that no refusal of a single field shows. The name of
 * the provider decides or, behind a gateway or a custom address, the name of the model.
 */
import { createHash } from 'node:crypto'

export interface Family {
  /** False if a user message must not follow a tool message: an assistant message goes between them. */
  userAfterTool: boolean
  /** False if instructions must come before the first answer: later ones become user messages. */
  lateInstructions: boolean
  callId: (id: string) => string
}

const idMax = 64

const plain: Family = {
  userAfterTool: true,
  lateInstructions: true,
  callId: (id) => (id.length <= idMax ? id : digest(id, 24)),
}

/**
 * OpenAI: "Invalid 'messages[36].tool_calls[0].id': string too long. Expected a string with maximum length
 * 40" (github.com/vercel/ai/issues/8132).
 */
const openai: Family = {
  userAfterTool: true,
  lateInstructions: true,
  callId: (id) => (id.length <= 40 ? id : digest(id, 24)),
}

/**
 * Mistral: "Unexpected role 'user' after role 'tool'", "Unexpected role 'system' after role 'assistant'",
 * "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9": github.com/mistralai/mistral-common,
 * src/mistral_common/protocol/instruct/validator.py.
 */
const mistral: Family = {
  userAfterTool: false,
  lateInstructions: false,
  callId: (id) => (/^[a-zA-Z0-9]{9}$/.test(id) ? id : digest(id, 9)),
}

const ofMistral =
  /(?:^|[/_-])(?:mistral|mixtral|ministral|codestral|devstral|magistral|pixtral|voxtral)/i

export function familyOf(provider: string, modelId: string): Family {
  if (/^mistral/i.test(provider) || ofMistral.test(modelId)) return mistral
  if (/^(?:openai|azure|groq)/i.test(provider) || /(?:^|\/)(?:gpt-|o\d)/.test(modelId))
    return openai
  return plain
}

/** Returns the same text for the same id, so that a call and its result still match. */
const digest = (id: string, length: number) =>
  createHash('sha256').update(id).digest('hex').slice(0, length)
