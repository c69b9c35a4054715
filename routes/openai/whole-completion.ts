/** A whole answer in the form of `chat.completion`. */
import { errorStatus, LoomError, type LoomErrorCode } from '../../src/ground/error.ts'
import { outputIn } from '../../src/message-fold.ts'
import { wholeAnswer } from '../../src/session/whole-answer.ts'
import type { Sessions } from '../../src/sessions.ts'
import {
  type CompletionCall,
  type CompletionFinishReason,
  completionFinishReasons,
  OpenCalls,
} from '../../src/wire/frames/chat-completion.ts'
import { type CompletionUsage, completionUsage } from '../../src/wire/frames/completion-usage.ts'
import type { AcceptedCompletion } from './completion-session.ts'

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
  { sessionId, receipt }: AcceptedCompletion,
  { signal, isStructured }: { signal: AbortSignal; isStructured: boolean },
): Promise<Completion> {
  const calls = new OpenCalls()
  let reason: keyof typeof completionFinishReasons = 'stop'
  let failure: LoomError | undefined
  const { message } = await wholeAnswer(sessions, sessionId, receipt, {
    signal,
    deliver({ events }) {
      for (const event of events) {
        if (event.type === 'error') failure = failureOf(event)
        else if (event.type === 'finish') reason = event.finishReason
        else if (event.type !== 'tool-step') calls.note(event)
      }
    },
  })
  if (failure !== undefined) throw failure
  const toolCalls = calls.open
  const output = outputIn(message)
  const isValue = isStructured && output !== undefined
  const text = isValue ? JSON.stringify(output) : texts(message.parts)
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

/** The texts of two steps are two paragraphs, as in a stream. */
const texts = (parts: readonly Readonly<Record<string, unknown>>[]): string =>
  parts
    .flatMap(({ type, text }) =>
      type === 'text' && typeof text === 'string' && text !== '' ? [text] : [],
    )
    .join('\n\n')

function failureOf({ errorText, code }: { errorText: string; code?: string }): LoomError {
  return new LoomError(isCode(code) ? code : 'internal', errorText)
}

const isCode = (code: string | undefined): code is LoomErrorCode =>
  code !== undefined && Object.hasOwn(errorStatus, code)
