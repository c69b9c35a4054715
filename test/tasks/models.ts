/** Models that answer by a function of the prompt and of the results of the last calls. */
import { scriptedModel, type ScriptedReply } from '../../src/entries/testing.ts'

interface Seen {
  /** The text of the last user message. */
  prompt: string
  /** The results of the calls after it. */
  results: unknown[]
  /** The system prompt. */
  system: string
}

export interface Call {
  toolName: string
  input: unknown
}

export const callTool = (toolName: string, input: unknown): Call[] => [{ toolName, input }]

export function sayBy(answer: (seen: Seen) => string | Call[]) {
  let count = 0
  return scriptedModel(
    Array.from({ length: 1000 }, () => ({ prompt, system }): string | ScriptedReply => {
      const at = prompt.findLastIndex(({ role }) => role === 'user')
      const content = prompt[at]?.content
      const text = (Array.isArray(content) ? content : [])
        .map((part) => (part.type === 'text' ? part.text : ''))
        .join('')
      const results = prompt
        .slice(at + 1)
        .flatMap((message) =>
          message.role === 'tool'
            ? message.content.flatMap((part) =>
                part.type === 'tool-result' ? [valueOf(part.output)] : [],
              )
            : [],
        )
      const reply = answer({ prompt: text, results, system })
      if (typeof reply === 'string') return reply
      return { toolCalls: reply.map((call) => ({ ...call, toolCallId: `call-${++count}` })) }
    }),
  )
}

const valueOf = (output: object): unknown => ('value' in output ? output.value : 'denied')
