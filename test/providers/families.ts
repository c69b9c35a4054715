/**
 * The rules of each family of chat-completions APIs for a request. Every rule is from the provider's
 * public documentation or code, or from its own refusal in a public report, and names its source. A rule
 * returns the text of the refusal, or undefined.
 */
import type { Body } from './provider-server.ts'

type Rule = (messages: Body[], body: Body) => string | undefined
type IsBad = (message: Body, index: number, messages: Body[]) => unknown

const rule =
  (text: string, isBad: IsBad): Rule =>
  (messages) => {
    const at = messages.findIndex((message, index) => Boolean(isBad(message, index, messages)))
    return at === -1 ? undefined : `messages[${at}]: ${text}`
  }

const calls = (message: Body | undefined): Body[] => message?.['tool_calls'] ?? []
const partsOf = ({ content }: Body): Body[] => (Array.isArray(content) ? content : [])
const isEmpty = ({ content }: Body) => (content ?? '').length === 0
const isName = (name: unknown) => typeof name === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(name)
const isObject = (text: string) => {
  const value: unknown = JSON.parse(text)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * OpenAI's "Create chat completion" (platform.openai.com/docs/api-reference/chat/create; the schemas are
 * in github.com/openai/openai-openapi). The documentation of the other families claims compatibility.
 */
const common: Rule[] = [
  // ChatCompletionRequestMessage: the roles. `developer` is OpenAI's alone.
  rule('unknown role', ({ role }) => !['system', 'user', 'assistant', 'tool'].includes(role)),
  // FunctionObject.name: "Must be a-z, A-Z, 0-9, or contain underscores and dashes, … length of 64."
  rule('a name must match ^[a-zA-Z0-9_-]{1,64}$', (message) =>
    calls(message).some(({ function: { name } }) => !isName(name)),
  ),
  // ChatCompletionMessageToolCall.function.arguments: "in JSON format".
  rule('arguments must be the JSON of an object', (message) =>
    calls(message).some(({ function: { arguments: input } }) => !isObject(input)),
  ),
  // ChatCompletionMessageToolCall: `id`, `type` and `function` are required.
  rule('a call needs its id and its type', (message) =>
    calls(message).some(
      ({ id, type }) => typeof id !== 'string' || id === '' || type !== 'function',
    ),
  ),
  // ChatCompletionRequestAssistantMessage.content: "Required unless `tool_calls` … is specified."
  rule(
    'content is required unless tool_calls is specified',
    (message) => message['role'] === 'assistant' && !message['tool_calls'] && isEmpty(message),
  ),
  // The same schema: a list of calls has one at least.
  rule('[] is too short', ({ tool_calls }) => tool_calls?.length === 0),
  // The same: content of a user is a text or a list of one part at least.
  rule('content must not be empty', (message) => message['role'] === 'user' && isEmpty(message)),
  // ChatCompletionRequestToolMessage.content: "For tool messages, only type `text` is supported."
  rule(
    'a tool message holds text alone',
    (message) => message['role'] === 'tool' && partsOf(message).some(({ type }) => type !== 'text'),
  ),
  // github.com/open-webui/open-webui/issues/29665: an image that reaches the model as text.
  rule(
    'an image is no text',
    ({ role, content }) => role === 'tool' && /[A-Za-z0-9+/]{300}/.test(JSON.stringify(content)),
  ),
  // The API: "An assistant message with 'tool_calls' must be followed by tool messages responding to
  // each 'tool_call_id'" and "messages with role 'tool' must be a response to a preceding message".
  rule('each call needs its result right behind it', (message, index, messages) => {
    const open = new Set(calls(message).map(({ id }) => id))
    for (let next = index + 1; messages[next]?.['role'] === 'tool'; next++) {
      open.delete(messages[next]?.['tool_call_id'])
    }
    return open.size > 0
  }),
  rule('a result needs its call before it', ({ role, tool_call_id: id }, index, messages) => {
    if (role !== 'tool') return false
    const at = messages.slice(0, index).findLastIndex((message) => message['role'] !== 'tool')
    return !calls(messages[at]).some((call) => call['id'] === id)
  }),
  // The API: "Invalid schema for function 'look': … object schema missing properties".
  (_, { tools = [] }) =>
    tools.some(({ function: { parameters } }: Body) => parameters.properties === undefined)
      ? 'object schema missing properties'
      : undefined,
  // The API: "[] is too short - 'tools'", "'tool_choice' is only allowed when 'tools' are specified".
  (_, { tools, tool_choice }) =>
    tools?.length === 0 || (tools === undefined && tool_choice !== undefined)
      ? 'tool_choice is only allowed when tools are specified'
      : undefined,
]

const fieldsOfAll = ['role', 'content', 'name', 'tool_calls', 'tool_call_id']
/** The rule of an API that refuses unknown fields of messages. */
const only = (...fields: string[]): Rule =>
  rule(`a message may hold ${fields.join(', ')} alone`, (message) =>
    Object.keys(message).some((name) => ![...fieldsOfAll, ...fields].includes(name)),
  )
const callFields = (...fields: string[]): Rule =>
  rule(`a call may hold ${fields.join(', ')} alone`, (message) =>
    calls(message).some((call) =>
      Object.keys(call).some((name) => !['id', 'type', 'function', ...fields].includes(name)),
    ),
  )
const text = (field: string): Rule =>
  rule(
    `${field} must be a string`,
    (message) => message[field] !== undefined && typeof message[field] !== 'string',
  )

/** The roles that may follow each role, in `_validate_message_order` of mistral-common. */
const mistralOrder: Record<string, string[]> = {
  system: ['user', 'assistant', 'system'],
  user: ['assistant', 'system', 'user'],
  assistant: ['assistant', 'user', 'tool'],
  tool: ['assistant', 'tool'],
}

/** The messages of the turn of a message: those between two user messages. */
function turnOf(index: number, messages: Body[]): Body[] {
  const before = messages.slice(0, index).findLastIndex(({ role }) => role === 'user')
  const after = messages.findIndex(({ role }, at) => at > index && role === 'user')
  return messages.slice(before + 1, after === -1 ? messages.length : after)
}

export const families: Record<string, Rule[]> = {
  openai: [
    ...common,
    only(),
    callFields(),
    // The API: "Invalid 'messages[36].tool_calls[0].id': string too long. Expected a string with maximum
    // length 40" (github.com/vercel/ai/issues/8132, github.com/microsoft/autogen/issues/6377).
    rule('an id has 40 characters at most', (message) =>
      calls(message).some(({ id }) => id.length > 40),
    ),
  ],
  groq: [
    ...common,
    // github.com/groq/groq-typescript, src/resources/chat/completions.ts: thoughts are in `reasoning`. The
    // API refuses `reasoning_content`: github.com/janhq/jan/issues/8136.
    only('reasoning'),
    text('reasoning'),
    callFields(),
    // The same file, ChatCompletionSystemMessageParam and ChatCompletionToolMessageParam: `content: string`.
    rule(
      'content must be a string',
      ({ role, content }) => ['system', 'tool'].includes(role) && typeof content !== 'string',
    ),
  ],
  // github.com/mistralai/mistral-common: src/mistral_common/protocol/instruct/validator.py, which the API
  // and Mistral's models on vLLM use.
  mistral: [
    ...common,
    // AssistantMessage in messages.py beside it: `content`, `tool_calls`, `prefix`, and no others.
    only('prefix'),
    callFields(),
    // _validate_message_order
    rule('Unexpected role after role', ({ role }, index, messages) => {
      const before: unknown = messages[index - 1]?.['role']
      return typeof before === 'string' && mistralOrder[before]?.includes(role) === false
    }),
    // _validate_last_message
    rule(
      'Expected last role User or Tool (or Assistant with prefix True)',
      ({ role, prefix }, index, messages) =>
        index > 0 && index === messages.length - 1 && !['user', 'tool'].includes(role) && !prefix,
    ),
    // MistralRequestValidatorV3._validate_tool_call and _validate_tool_message
    rule('Tool call id must be a-z, A-Z, 0-9, with a length of 9', (message) =>
      [...calls(message).map(({ id }) => id), message['tool_call_id'] ?? 'aaaaaaaaa'].some(
        (id) => !/^[a-zA-Z0-9]{9}$/.test(id),
      ),
    ),
    // MistralRequestValidatorV13._validate_tool_calls_followed_by_tool_messages
    rule('Duplicate tool call id in assistant message', (message) => {
      const ids = calls(message).map(({ id }) => id)
      return new Set(ids).size < ids.length
    }),
    rule(
      'Duplicate tool call id in tool results',
      ({ role, tool_call_id: id }, index, messages) => {
        if (role !== 'tool') return false
        const start = messages
          .slice(0, index)
          .findLastIndex((message) => message['role'] !== 'tool')
        return messages.slice(start + 1, index).some((message) => message['tool_call_id'] === id)
      },
    ),
    // The OpenAPI document of the API, ThinkChunk: thoughts are a part of the content, as a list of texts
    // (docs.rs/crate/mistral-openapi-client: docs/ThinkChunk.md).
    rule('thinking must be a list of texts', (message) =>
      partsOf(message).some(
        ({ type, thinking }) => type === 'thinking' && !Array.isArray(thinking),
      ),
    ),
  ],
  deepseek: [
    ...common,
    only('reasoning_content'),
    text('reasoning_content'),
    callFields(),
    // api-docs.deepseek.com/guides/thinking_mode: "Between two `user` messages, if the model performed a
    // tool call, the intermediate `assistant`'s `reasoning_content` must … be passed back". The API refuses
    // with 400 (github.com/anomalyco/opencode/issues/24083).
    rule(
      'The `reasoning_content` in the thinking mode must be passed back to the API.',
      ({ role, reasoning_content }, index, messages) =>
        role === 'assistant' &&
        reasoning_content === undefined &&
        turnOf(index, messages).some((message) => calls(message).length > 0),
    ),
  ],
  kimi: [
    ...common,
    // platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model: `reasoning_content` stays in the context.
    only('reasoning_content'),
    text('reasoning_content'),
    callFields(),
    // The API's own text: github.com/openclaw/openclaw/issues/91558.
    rule(
      'thinking is enabled but reasoning_content is missing in assistant tool call message',
      ({ tool_calls, reasoning_content }) => tool_calls && reasoning_content === undefined,
    ),
  ],
  openrouter: [
    ...common,
    // openrouter.ai/docs/guides/best-practices/reasoning-tokens, "Preserving reasoning": `reasoning`, or
    // `reasoning_details` as they came.
    only('reasoning', 'reasoning_details'),
    text('reasoning'),
    callFields(),
    // The same, "reasoning_details array structure": each has a type, and its text, summary or data.
    rule('a detail must be whole', ({ reasoning_details: details = [] }) =>
      details.some(
        ({ type, text, summary, data }: Body) =>
          typeof type !== 'string' || [text, summary, data].every((value) => value === undefined),
      ),
    ),
  ],
  gemini: [
    ...common,
    // ai.google.dev/gemini-api/docs/thought-signatures, "OpenAI compatibility": `extra_content.google`.
    only('extra_content'),
    callFields('extra_content'),
    // The same, "Function calling": the first call of each step of the current turn has a signature.
    rule(
      'Function call is missing a thought_signature in functionCall parts.',
      (message, index, messages) => {
        const [first] = calls(message)
        const isCurrent = index > messages.findLastIndex(({ role }) => role === 'user')
        return (
          isCurrent &&
          first !== undefined &&
          first['extra_content']?.google?.thought_signature === undefined
        )
      },
    ),
  ],
  vllm: [
    ...common,
    // docs.vllm.ai, "Reasoning Outputs": `reasoning`, which "used to be called `reasoning_content`". Unknown
    // fields are ignored.
    text('reasoning'),
    text('reasoning_content'),
  ],
  ollama: [
    ...common,
    // github.com/ollama/ollama: openai/openai.go, `Message` and `FromChatRequest`. Unknown fields are
    // ignored.
    text('reasoning'),
    rule(
      'invalid message content type',
      (message) =>
        typeof message['content'] !== 'string' &&
        !Array.isArray(message['content']) &&
        calls(message).length === 0,
    ),
    rule('invalid message format', (message) =>
      partsOf(message).some(({ type }) => type !== 'text' && type !== 'image_url'),
    ),
    rule('invalid image input', (message) =>
      partsOf(message).some(
        ({ type, image_url }) =>
          type === 'image_url' &&
          !/^data:(?:image\/(?:jpeg|jpg|png|webp))?;base64,/.test(image_url.url ?? image_url),
      ),
    ),
  ],
}

/** The reason why a family refuses a request, or undefined. */
export function refusalBy(family: string, body: Body): string | undefined {
  for (const check of families[family] ?? []) {
    const refusal = check(body['messages'], body)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
