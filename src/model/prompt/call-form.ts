/** A tool call in the form that every provider takes back, whatever form the model gave it. */

const nameMax = 64

/**
 * A name of letters, digits, `_` and `-`, of 64 characters at most (OpenAI, Anthropic, Mistral). A model
 * can call a tool that does not exist by any name; a valid one is kept as it is.
 */
export function callName(name: string): string {
  const valid = name.replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, nameMax)
  return valid === '' ? 'unknown_tool' : valid
}

/** An object: the result of a call with any other input says what the input was. */
export function callInput(input: unknown): object {
  const value = typeof input === 'string' ? parsed(input) : input
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
