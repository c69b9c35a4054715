/** A tool call in a form that every provider accepts. The model may have sent another form. */
import { jsonValueOf } from '../../ground/json.ts'

const nameMax = 64

/**
 * A name of letters, digits, `_` and `-`, of at most 64 characters (OpenAI, Anthropic, Mistral). A model
 * can call a tool that does not exist by any name. A valid name stays unchanged.
 */
export function callName(name: string): string {
  const valid = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, nameMax)
  return valid === '' ? 'unknown_tool' : valid
}

/** An object. For any other input, the result of the call quotes the input. */
export function callInput(input: unknown): object {
  const value = typeof input === 'string' ? jsonValueOf(input) : input
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}
