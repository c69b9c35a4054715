/**
 * Leaves out the reasoning effort for a model without reasoning, if the refusal names no field. Ollama:
 * `"llama3" does not support thinking` (server/routes.go).
 */
import type { BodyRule } from './rule.ts'

const fields = ['reasoning_effort', 'reasoning', 'thinking', 'think', 'enable_thinking']
const refusal =
  /(?:does not|doesn't|cannot) (?:support )?(?:thinking|reasoning)\b|\b(?:thinking|reasoning)(?: mode)? (?:is |are )?(?:not supported|unsupported)/i

export const thinkingEffort: BodyRule = ({ text }, body) => {
  const field = fields.find((name) => body[name] !== undefined)
  if (field === undefined || !refusal.test(text)) return undefined
  return {
    key: `-${field}`,
    apply: (body) => {
      const { [field]: value, ...others } = body
      return value === undefined ? body : others
    },
  }
}
