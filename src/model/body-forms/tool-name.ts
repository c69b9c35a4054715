/**
 * Adds the tool's name to the messages of its results for APIs that require it. Gemini's compatible API:
 * "function_response.name: Name cannot be empty". Most APIs find the name by the id of the call.
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { changeMessages, messagesOf } from './message-list.ts'
import type { BodyChange, BodyRule } from './rule.ts'

const refusal =
  /function_?response\.name|(?:tool|function)(?: role)? messages?\b.{0,60}\bname\b|\bname\b.{0,40}\b(?:tool|function) messages?/i

export const toolName: BodyRule = ({ text }, body) =>
  refusal.test(text) && /empty|missing|required|must/i.test(text) && named.apply(body) !== body
    ? named
    : undefined

const named: BodyChange = {
  key: '+tool.name',
  apply: (body) => {
    const names = namesOf(body)
    return changeMessages(body, (message) => {
      const name = names.get(message['tool_call_id'])
      return message['role'] !== 'tool' || name === undefined || message['name'] !== undefined
        ? message
        : { ...message, name }
    })
  },
}

/** Tool names by call id. */
function namesOf(body: JsonRecord): Map<unknown, unknown> {
  const calls = messagesOf(body).flatMap((message): unknown[] => {
    const { tool_calls: calls } = message
    return Array.isArray(calls) ? calls : []
  })
  return new Map(
    calls.flatMap((call) => {
      const callee = isRecord(call) ? call['function'] : undefined
      return isRecord(call) && isRecord(callee) ? [[call['id'], callee['name']] as const] : []
    }),
  )
}
