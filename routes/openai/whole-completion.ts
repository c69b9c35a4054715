/** A whole answer in the form of `chat.completion`. */
import type { AgentEvent } from '../../src/event.ts'
import type { LoomError } from '../../src/ground/error.ts'
import { lastTextOf, outputIn } from '../../src/message-fold.ts'
import { failureIn } from '../../src/session/answer-failure.ts'
import { wholeAnswer } from '../../src/session/whole-answer.ts'
import type { Sessions } from '../../src/sessions.ts'
import {
  type CompletionCall,
  type CompletionFinishReason,
  completionFinishReasons,
  OpenCalls,
} from '../../src/wire/frames/chat-completion.ts'
import { type CompletionUsage, completionUsage } from '../../src/wire/frames/completion-usage.ts'
import type { AcceptedAnswer } from './answer-session.ts'

/** The part of a `chat.completion` that the answer decides. A test compares it with the type of OpenAI's client. */
export interface Completion {
  choices: {
    index: number
    message: {
      role: 'assistant'
      content: string | null
      refusal: null
      tool_calls?: CompletionCall[]
    }
    logprobs: null
    finish_reason: CompletionFinishReason
  }[]
  usage?: CompletionUsage
}

/**
 * Waits for an answer to its end.
 * @throws LoomError the error of a turn that failed; also as `wholeAnswer`
 */
export async function completionOf(
  sessions: Sessions,
  { sessionId, receipt }: AcceptedAnswer,
  { signal, isStructured }: { signal: AbortSignal; isStructured: boolean },
): Promise<Completion> {
  const calls = new OpenCalls()
  let reason: keyof typeof completionFinishReasons = 'stop'
  let failure: LoomError | undefined
  const texts = new AnswerText()
  let { skip } = receipt
  const { message } = await wholeAnswer(sessions, sessionId, receipt, {
    signal,
    deliver({ events }) {
      for (const event of events.slice(skip)) {
        if (event.type === 'error') failure = failureIn(event)
        else if (event.type === 'finish') reason = event.finishReason
        else if (event.type !== 'tool-step') {
          calls.note(event)
          texts.note(event)
        }
      }
      skip = 0
    },
  })
  if (failure !== undefined) throw failure
  const toolCalls = calls.open
  const output = outputIn(message)
  const isValue = isStructured && output !== undefined
  const text = isValue ? JSON.stringify(output) : (texts.text ?? lastTextOf(message))
  const usage = completionUsage(message.metadata)
  return {
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text === '' && toolCalls.length > 0 ? null : text,
          refusal: null,
          ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
        },
        logprobs: null,
        finish_reason: toolCalls.length > 0 ? 'tool_calls' : completionFinishReasons[reason],
      },
    ],
    ...(usage !== undefined && { usage }),
  }
}

/**
 * The text of an answer from its events. An answer to the results of tools continues a message, and its text is only that of
 * the new part. The texts of two steps are two paragraphs, as in a stream.
 */
class AnswerText {
  /** Undefined without events: the log of a repeated answer may have expired. */
  text: string | undefined

  note(event: AgentEvent): void {
    this.text ??= ''
    if (event.type === 'text-delta') this.text += event.delta
    else if (event.type === 'text-start' && this.text !== '') this.text += '\n\n'
  }
}
