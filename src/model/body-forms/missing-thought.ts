/**
 * Adds the reasoning that a model requires back with each call, for calls of another model or calls
 * without reasoning. DeepSeek and Kimi: "reasoning_content is missing in assistant tool call message";
 * Gemini 3: "Function call is missing a thought_signature".
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { changeMessages } from './message-list.ts'
import type { BodyChange, BodyRule } from './rule.ts'

/** Google's value for a call that Gemini did not make: ai.google.dev/gemini-api/docs/thought-signatures */
export const noSignature = 'skip_thought_signature_validator'

const isMissing =
  /missing|required|must (?:also )?(?:be|have|contain|include)|not (?:found|provided)|expected/i

export const missingThought: BodyRule = ({ text }, body) => {
  if (!isMissing.test(text)) return undefined
  if (/thought_?signature/i.test(text)) {
    return [signature, googleSignature].find((change) => change.apply(body) !== body)
  }
  if (!/reasoning_content/.test(text)) return undefined
  return [thought('', ofCall), thought('', ofAnswer), thought(' ', ofAnswer)].find(
    (change) => change.apply(body) !== body,
  )
}

const ofCall = ({ tool_calls: calls }: JsonRecord) => Array.isArray(calls)
/** DeepSeek requires the reasoning of each answer in a turn with calls: api-docs.deepseek.com/guides/thinking_mode */
const ofAnswer = ({ role }: JsonRecord) => role === 'assistant'

/** The empty text is tried first. Some models refuse it like a missing one. */
function thought(reasoning_content: string, isMeant: typeof ofCall | typeof ofAnswer): BodyChange {
  return {
    key: `reasoning_content=${JSON.stringify(reasoning_content)}${isMeant === ofCall ? '' : '*'}`,
    apply: (body) =>
      changeMessages(body, (message) => {
        const { reasoning_content: present } = message
        if (!isMeant(message) || (typeof present === 'string' && present >= reasoning_content))
          return message
        return { ...message, reasoning_content }
      }),
  }
}

/** Gemini signs the first of the calls of one step. */
const signature: BodyChange = {
  key: '+thought_signature',
  apply: (body) =>
    changeMessages(body, (message) => {
      const calls: unknown = message['tool_calls']
      if (!Array.isArray(calls)) return message
      const [first, ...others]: unknown[] = calls
      if (!isRecord(first) || first['extra_content'] !== undefined) return message
      const extra_content = { google: { thought_signature: noSignature } }
      return { ...message, tool_calls: [{ ...first, extra_content }, ...others] }
    }),
}

const googleSignature: BodyChange = {
  key: '+thoughtSignature',
  apply: (body) => {
    const { contents } = body
    if (!Array.isArray(contents)) return body
    const changed = contents.map(signedContent)
    return changed.every((content, index) => content === contents[index])
      ? body
      : { ...body, contents: changed }
  },
}

function signedContent(content: unknown): unknown {
  const parts: unknown = isRecord(content) ? content['parts'] : undefined
  if (!isRecord(content) || !Array.isArray(parts)) return content
  const at = parts.findIndex(
    (part: unknown) => isRecord(part) && part['functionCall'] !== undefined,
  )
  const first: unknown = parts[at]
  if (!isRecord(first) || first['thoughtSignature'] !== undefined) return content
  return { ...content, parts: parts.with(at, { ...first, thoughtSignature: noSignature }) }
}
