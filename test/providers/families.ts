/**
 * What each family of chat-completions APIs refuses in a history, from its public documentation. A
 * rule gives the text of the refusal, or undefined.
 */
import type { Body } from './provider-server.ts'

type Rule = (messages: Body[], body: Body) => string | undefined

const find = (messages: Body[], isBad: (message: Body, before: Body | undefined) => unknown) =>
  messages.findIndex((message, index) => Boolean(isBad(message, messages[index - 1])))

const rule =
  (text: string, isBad: (message: Body, before: Body | undefined) => unknown): Rule =>
  (messages) => {
    const at = find(messages, isBad)
    return at === -1 ? undefined : `messages[${at}]: ${text}`
  }

const calls = (message: Body): Body[] => message['tool_calls'] ?? []

/** platform.openai.com/docs/api-reference/chat/create: every family takes these over. */
const common: Rule[] = [
  rule('a name must match ^[a-zA-Z0-9_-]{1,64}$', (message) =>
    calls(message).some(({ function: { name } }) => !/^[a-zA-Z0-9_-]{1,64}$/.test(name)),
  ),
  rule('arguments must be the JSON of an object', (message) =>
    calls(message).some(({ function: { arguments: input } }) => {
      const value: unknown = JSON.parse(input)
      return typeof value !== 'object' || value === null || Array.isArray(value)
    }),
  ),
  rule(
    'content is required unless tool_calls is specified',
    ({ role, content, tool_calls }) =>
      role === 'assistant' && !tool_calls && (content ?? '').length === 0,
  ),
  rule(
    'an image is no text',
    ({ role, content }) => role === 'tool' && /[A-Za-z0-9+/]{300}/.test(String(content)),
  ),
  (messages) => {
    for (const [index, message] of messages.entries()) {
      const open = new Set(calls(message).map(({ id }) => id))
      for (let next = index + 1; messages[next]?.['role'] === 'tool'; next++) {
        open.delete(messages[next]?.['tool_call_id'])
      }
      if (open.size > 0) return `messages[${index}]: each call needs its result right behind it`
    }
    return undefined
  },
  (_, { tools = [] }) =>
    tools.some(({ function: { parameters } }: Body) => parameters.properties === undefined)
      ? 'object schema missing properties'
      : undefined,
]

const only = (...fields: string[]): Rule =>
  rule(`a message may hold ${fields.join(', ')} alone`, (message) =>
    Object.keys(message).some(
      (name) =>
        !['role', 'content', 'name', 'tool_calls', 'tool_call_id', ...fields].includes(name),
    ),
  )
const callFields = (...fields: string[]): Rule =>
  rule(`a call may hold ${fields.join(', ')} alone`, (message) =>
    calls(message).some((call) =>
      Object.keys(call).some((name) => !['id', 'type', 'function', ...fields].includes(name)),
    ),
  )

export const families: Record<string, Rule[]> = {
  // platform.openai.com/docs/api-reference/chat/create#messages; ids: at most 40 characters.
  openai: [
    ...common,
    only(),
    callFields(),
    rule('an id has 40 characters at most', (message) =>
      calls(message).some(({ id }) => id.length > 40),
    ),
  ],
  // console.groq.com/docs/reasoning: the field is `reasoning`; `reasoning_content` is refused.
  groq: [...common, only('reasoning'), callFields()],
  // docs.mistral.ai/api, mistral-common's validator.py: order of the roles, ids of calls.
  mistral: [
    ...common,
    only('prefix'),
    callFields(),
    rule("Unexpected role 'user' after role 'tool'", ({ role }, before) => {
      return role === 'user' && before?.['role'] === 'tool'
    }),
    rule('Tool call id must be a-z, A-Z, 0-9, with a length of 9', (message) =>
      calls(message).some(({ id }) => !/^[a-zA-Z0-9]{9}$/.test(id)),
    ),
  ],
  // api-docs.deepseek.com/guides/thinking_mode, "Tool calls": each call's message brings its thoughts.
  deepseek: [
    ...common,
    only('reasoning_content'),
    callFields(),
    rule(
      'The `reasoning_content` in the thinking mode must be passed back to the API.',
      ({ tool_calls, reasoning_content }) => tool_calls && reasoning_content === undefined,
    ),
  ],
  // platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model: as DeepSeek.
  kimi: [
    ...common,
    only('reasoning_content', 'partial'),
    callFields(),
    rule(
      'thinking is enabled but reasoning_content is missing in assistant tool call message',
      ({ tool_calls, reasoning_content }) => tool_calls && reasoning_content === undefined,
    ),
  ],
  // openrouter.ai/docs/use-cases/reasoning-tokens, "Preserving reasoning blocks".
  openrouter: [...common, only('reasoning', 'reasoning_details'), callFields()],
  // ai.google.dev/gemini-api/docs/thought-signatures, "OpenAI compatibility".
  gemini: [
    ...common,
    only('extra_content'),
    callFields('extra_content'),
    rule('Function call is missing a thought_signature in functionCall parts.', (message) => {
      const [first] = calls(message)
      return first !== undefined && first['extra_content']?.google?.thought_signature === undefined
    }),
  ],
  // docs.vllm.ai/en/latest/features/reasoning_outputs.html: either field; others are ignored.
  vllm: [...common, only('reasoning', 'reasoning_content')],
  // docs.ollama.com/openai (api/openai-compatibility): `reasoning` beside the usual fields.
  ollama: [...common, only('reasoning'), callFields()],
}

/** Why a family refuses a request, if it does. */
export function refusalBy(family: string, body: Body): string | undefined {
  for (const check of families[family] ?? []) {
    const refusal = check(body['messages'], body)
    if (refusal !== undefined) return refusal
  }
  return undefined
}
