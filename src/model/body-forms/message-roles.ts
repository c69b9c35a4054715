/**
 * Changes orders and roles of messages that a chat template refuses. Templates of open models raise
 * their own texts: "Conversation roles must alternate user/assistant/…" (Gemma, Mistral, Phi), "System
 * role not supported" (Gemma), "System message must be at the beginning." (Qwen), "Only user, assistant
 * and tool roles are supported, got system." (Ministral). Google: "Developer instruction is not enabled
 * for models/gemma-3-27b-it". Servers in Rust: "unknown variant `system`, expected `user` or
 * `assistant`". Mistral's API: "Unexpected role 'user' after role 'tool'" (mistral-common, validator.py).
 * OpenAI's o1-mini: "'messages[0].role' does not support 'system'". Anthropic: "The conversation must end
 * with a user message."
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { messagesOf } from './message-list.ts'
import type { BodyChange, BodyRule } from './rule.ts'

interface RoleRule {
  refusal: RegExp
  /** The smallest change comes first. */
  changes: readonly BodyChange[]
}

type Messages = readonly JsonRecord[]

/** Returns the same body if `change` returns the same list. */
const ofMessages = (key: string, change: (messages: Messages) => Messages): BodyChange => ({
  key,
  apply: (body) => {
    const messages = messagesOf(body)
    const changed = change(messages)
    return changed === messages ? body : { ...body, messages: changed }
  },
})

const roleOf = (message: JsonRecord | undefined) => message?.['role']
const isInstruction = (message: JsonRecord) =>
  /^(?:system|developer)$/.test(String(roleOf(message)))
const messageOf = (role: 'user' | 'assistant', content: string): JsonRecord => ({ role, content })

const answerAfterTool = ofMessages('tool,assistant,user', (messages) => {
  const isGap = (index: number) =>
    roleOf(messages[index]) === 'user' && roleOf(messages[index - 1]) === 'tool'
  return messages.some((_, index) => isGap(index))
    ? messages.flatMap((message, index) =>
        isGap(index) ? [messageOf('assistant', 'OK.'), message] : [message],
      )
    : messages
})

/** Makes one message of the first instructions. Later instructions stay in place as user messages. */
const oneInstruction = ofMessages('system=first', (messages) => {
  const end = messages.findIndex((message) => !isInstruction(message))
  const first = end === -1 ? messages : messages.slice(0, end)
  const others = end === -1 ? [] : messages.slice(end)
  if (first.length < 2 && !others.some(isInstruction)) return messages
  const [head, ...more] = first
  const merged = head === undefined ? [] : [more.reduce(joined, head)]
  return [
    ...merged,
    ...others.map((message) => (isInstruction(message) ? { ...message, role: 'user' } : message)),
  ]
})

const noInstruction = ofMessages('system=user', (messages) => {
  if (!messages.some(isInstruction)) return messages
  const asUser = messages.map((message) =>
    isInstruction(message) ? { ...message, role: 'user' } : message,
  )
  return merged(asUser)
})

const oneOfEachRole = ofMessages('roles=alternating', (messages) => {
  const changed = merged(messages)
  return changed.length === messages.length ? messages : changed
})

/** Each call of a step becomes a step of its own, with its result. */
const oneCall = ofMessages('calls=single', (messages) => {
  const isOfMany = ({ tool_calls: calls }: JsonRecord) => Array.isArray(calls) && calls.length > 1
  if (!messages.some(isOfMany)) return messages
  return messages.flatMap((message, index) => {
    const calls: unknown = message['tool_calls']
    if (message['role'] === 'tool' && isOfMany(callerOf(index, messages))) return []
    if (!Array.isArray(calls) || calls.length < 2) return [message]
    const end = messages.findIndex((other, at) => at > index && roleOf(other) !== 'tool')
    const results = messages.slice(index + 1, end === -1 ? messages.length : end)
    return calls.flatMap((call: unknown, position) => [
      { ...message, ...(position > 0 && { content: null }), tool_calls: [call] },
      ...results.filter((result) => isRecord(call) && result['tool_call_id'] === call['id']),
    ])
  })
})

/** The message with the calls of the tool message at `index`. */
const callerOf = (index: number, messages: Messages): JsonRecord =>
  messages.slice(0, index).findLast((message) => roleOf(message) !== 'tool') ?? {}

const userFirst = ofMessages('user=first', (messages) => {
  const at = messages.findIndex((message) => !isInstruction(message))
  if (roleOf(messages[at]) !== 'assistant') return messages
  return [...messages.slice(0, at), messageOf('user', 'Begin.'), ...messages.slice(at)]
})

const userLast = ofMessages('user=last', (messages) =>
  roleOf(messages.at(-1)) === 'assistant' ? [...messages, messageOf('user', 'Go on.')] : messages,
)

const rules: readonly RoleRule[] = [
  {
    refusal: /unexpected role ['"`]?user\w*['"`]? after role ['"`]?tool/i,
    changes: [answerAfterTool],
  },
  {
    refusal:
      /system (?:message|prompt|role)s? (?:must|should|can only|may only|needs? to) |unexpected role ['"`]?system|only (?:one|a single) system message|role ['"`]?system['"`]? must precede|multiple system messages|system messages? (?:is|are) only/i,
    changes: [oneInstruction, noInstruction],
  },
  {
    refusal:
      /(?:system|developer)['"`]?(?: \w+){0,2} (?:is |are )?(?:not supported|unsupported|not allowed|not enabled|disabled)|(?:not|n't) support ['"`]?(?:the )?['"`]?(?:system|developer)|roles are supported|(?:unknown|invalid|unsupported) (?:role|variant):? ['"`]?(?:system|developer)/i,
    changes: [oneInstruction, noInstruction],
  },
  {
    refusal:
      /roles? (?:must|should) (?:strictly )?alternate|alternat(?:e|ing)\b.{0,40}\brole|consecutive messages/i,
    changes: [oneInstruction, oneOfEachRole, userFirst, noInstruction],
  },
  // Templates of Llama 3: "This model only supports single tool-calls at once!"
  { refusal: /single tool[- ]calls? at once/i, changes: [oneCall] },
  {
    refusal:
      /(?:must|should) (?:end|finish) with (?:a )?(?:user|tool)|(?:last|final) (?:message|role)\b.{0,60}\b(?:user|tool)|expected last role user|assistant message prefill|assistant messages? at the end/i,
    changes: [userLast],
  },
  {
    refusal:
      /(?:must|should) (?:start|begin) with (?:a )?user|first (?:message|role)\b.{0,60}\buser/i,
    changes: [userFirst],
  },
]

/** Whether a text is the refusal of a chat template. Some servers send it with status 500. */
export const isAboutRoles = (text: string): boolean =>
  rules.some(({ refusal }) => refusal.test(text))

export const messageRoles: BodyRule = ({ text }, body) => {
  for (const { refusal, changes } of rules) {
    const change = refusal.test(text)
      ? changes.find((change) => change.apply(body) !== body)
      : undefined
    if (change !== undefined) return change
  }
  return undefined
}

/** Joins neighbours with the same role, except tool results, and calls with the message after them. */
function merged(messages: Messages): Messages {
  const result: JsonRecord[] = []
  for (const message of messages) {
    const last = result.at(-1)
    const role = roleOf(message)
    const isSame = last !== undefined && roleOf(last) === role && role !== 'tool'
    if (isSame && last['tool_calls'] === undefined) result.splice(-1, 1, joined(last, message))
    else result.push(message)
  }
  return result
}

const joined = (one: JsonRecord, other: JsonRecord): JsonRecord => ({
  ...one,
  ...other,
  role: one['role'],
  content: joinedContent(one['content'], other['content']),
})

function joinedContent(one: unknown, other: unknown): unknown {
  if (typeof one === 'string' && typeof other === 'string') {
    return [one, other].filter((text) => text !== '').join('\n\n')
  }
  return [...partsOf(one), ...partsOf(other)]
}

function partsOf(content: unknown): unknown[] {
  if (Array.isArray(content)) return content
  return typeof content === 'string' && content !== '' ? [{ type: 'text', text: content }] : []
}
