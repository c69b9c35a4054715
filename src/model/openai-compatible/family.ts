/**
 * Rules of a provider that decide the form of a history, and that no single refused field shows. They
 * are known by the provider's name or, behind a gateway or an address of one's own, by the model's.
 */
import { createHash } from 'node:crypto'

export interface Family {
  /** False where a message of the user must not follow a tool's: an assistant's stands between. */
  userAfterTool: boolean
  callId: (id: string) => string
}

const idMax = 64

const plain: Family = {
  userAfterTool: true,
  callId: (id) => (id.length <= idMax ? id : digest(id, 24)),
}

/** OpenAI: "Invalid 'messages[2].tool_calls[0].id': string too long. Expected … maximum length 40". */
const openai: Family = {
  userAfterTool: true,
  callId: (id) => (id.length <= 40 ? id : digest(id, 24)),
}

/**
 * Mistral: "Expected last role Assistant…" and "Unexpected role 'user' after role 'tool'" (code 3230);
 * "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9" (mistral-common, validator.py).
 */
const mistral: Family = {
  userAfterTool: false,
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

/** The same for the same id, so that a call and its result still fit. */
const digest = (id: string, length: number) =>
  createHash('sha256').update(id).digest('hex').slice(0, length)
