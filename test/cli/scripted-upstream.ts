/** An OpenAI-compatible API that gives these answers, one a call, whatever it is asked. */
import { openUpstream, type Upstream } from '../sessions/upstream.ts'

export interface ScriptedAnswer {
  /** The text, in the pieces in which it is sent. */
  pieces?: readonly string[]
  /** Thoughts, which come before the text. */
  thoughts?: readonly string[]
  /** The model's tool calls. */
  calls?: readonly ScriptedCall[]
  /**
   * So many pieces come, and nothing more before the upstream is let go. @defaultValue it is not held
   */
  heldAfter?: number
  /** Tokens of the prompt and of the answer. */
  usage?: readonly [prompt: number, answer: number]
}

export interface ScriptedCall {
  name: string
  input: object
}

/** @param paceMs between two pieces */
export function openScript(
  answers: readonly (string | ScriptedAnswer)[],
  paceMs = 0,
): Promise<Upstream> {
  let count = 0
  return openUpstream(paceMs, () => {
    const answer = answers[Math.min(count, answers.length - 1)] ?? ''
    count += 1
    const {
      pieces = [],
      thoughts = [],
      calls = [],
      heldAfter,
      usage: [prompt_tokens, completion_tokens] = [],
    } = typeof answer === 'string' ? { pieces: [answer] } : answer
    const called = calls.map(({ name, input }, index) => ({
      index,
      id: `call-${count}-${index}`,
      type: 'function',
      function: { name, arguments: JSON.stringify(input) },
    }))
    return {
      deltas: [
        { delta: { role: 'assistant' } },
        ...thoughts.map((reasoning_content) => ({ delta: { reasoning_content } })),
        ...pieces.map((content) => ({ delta: { content } })),
        ...called.map((call) => ({ delta: { tool_calls: [call] } })),
        { delta: {}, finish_reason: calls.length === 0 ? 'stop' : 'tool_calls' },
      ],
      heldAt: heldAfter === undefined ? undefined : 1 + thoughts.length + heldAfter,
      usage:
        prompt_tokens === undefined || completion_tokens === undefined
          ? undefined
          : { prompt_tokens, completion_tokens },
    }
  })
}
