/**
 * A model for trees of agents. Each prompt is a plan: the calls of each step, and the tasks of its
 * sub-agents are plans too. So a reply follows from the prompt alone, on each instance that continues the turn.
 */
import type { Asked, Reply } from '../sessions/upstream.ts'

export interface PlannedCall {
  tool: string
  /** The plan of a sub-agent. */
  plan?: Plan
  input?: object
}

export interface Plan {
  /** No other plan of a test has it. */
  id: string
  /** The calls of each step. Then comes the answer. */
  steps: PlannedCall[][]
}

/** Each model call has these tokens. */
export const tokensOfCall = { prompt_tokens: 10, completion_tokens: 5 }

export const promptOf = (plan: Plan): string => JSON.stringify(plan)

/** The plan that a text has, if it has one. */
function planIn(text: unknown): Plan | undefined {
  if (typeof text !== 'string' || !text.startsWith('{"id":')) return undefined
  // Only `promptOf` makes such a text.
  const plan: Plan = JSON.parse(text)
  return plan
}

/** The plan for which a model was asked last. */
export function planOf(messages: Asked['messages']): { plan: Plan | undefined; at: number } {
  const at = messages.findLastIndex(
    ({ role, content }) => role === 'user' && planIn(content) !== undefined,
  )
  return { plan: planIn(messages[at]?.content), at }
}

const isCutOff = (content: unknown) => JSON.stringify(content).includes('was cut off')

/** Calls the tools of the first step that lacks results. After all steps, it answers. */
export function followPlan(messages: Asked['messages']): Reply {
  const { plan, at } = planOf(messages)
  const results = messages.slice(at + 1).filter(({ role }) => role === 'tool')
  for (const [step, calls] of (plan?.steps ?? []).entries()) {
    const missing = calls.flatMap((call, index) => {
      const id = `${plan?.id}.${step}.${index}`
      const own = results.filter(({ tool_call_id }) => tool_call_id?.startsWith(`${id}.`) === true)
      return own.some(({ content }) => !isCutOff(content))
        ? []
        : [{ ...call, id: `${id}.${own.length}` }]
    })
    if (missing.length === 0) continue
    return replyOf(`Step ${step + 1}:`, [
      ...missing.map(({ id, tool, plan: below, input = {} }, index) => ({
        delta: {
          tool_calls: [
            {
              index,
              id,
              type: 'function',
              function: {
                name: tool,
                arguments: JSON.stringify(
                  below === undefined ? input : { prompt: promptOf(below) },
                ),
              },
            },
          ],
        },
      })),
      { delta: {}, finish_reason: 'tool_calls' },
    ])
  }
  return replyOf(`Answer of ${plan?.id}:`, [{ delta: {}, finish_reason: 'stop' }])
}

const replyOf = (text: string, rest: object[]): Reply => ({
  deltas: [
    ...[text, ' one', ' two', ' three.', ' '].map((content) => ({ delta: { content } })),
    ...rest,
  ],
  heldAt: undefined,
  usage: tokensOfCall,
})
