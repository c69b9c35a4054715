/** An OpenAI-compatible API that returns the given answers, one for each call. */
import { openUpstream, type Upstream } from '../sessions/upstream.ts'

export interface ScriptedAnswer {
  /** The pieces of the text. */
  pieces?: readonly string[]
  /** The reasoning before the text. */
  thoughts?: readonly string[]
  /** The model's tool calls. */
  calls?: readonly ScriptedCall[]
  /**
   * The number of pieces before the upstream waits for its release. @defaultValue it does not wait
   */
  heldAfter?: number
  /** The tokens of the prompt and of the answer. */
  usage?: readonly [prompt: number, answer: number]
}

export interface ScriptedCall {
  name: string
  input: object
}

/** @param paceMs the pause between two pieces */
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
