/** Parses the input of a tool call: from the model's text to the value that the tool receives. */
import { errorMessage } from '../ground/error.ts'
import { parseJson } from '../ground/json.ts'
import { isEmptyInput } from '../model/empty-input.ts'
import type { ReadyTool, ToolTable } from './tool-table.ts'

export interface ParsedInput {
  /** The model's value, which is shown, stored and sent back. The raw text if it is not JSON. */
  input: unknown
  /** The output of the tool's schema, with defaults and transforms. */
  checkedInput?: unknown
  /** Why the call cannot run, as a text from which the model can correct it. */
  refusal?: string
}

/** Characters. Long enough to find the error in. */
const quotedLengthMax = 2000

/** Parses the input of a provider-executed tool. It cannot be checked here. */
export function parseProviderInput(text: string): ParsedInput {
  try {
    return { input: jsonOf(text) }
  } catch (error) {
    const quoted = text.slice(0, quotedLengthMax)
    return { input: text, refusal: `The input is not JSON (${errorMessage(error)}): ${quoted}` }
  }
}

export async function parseInput(
  text: string,
  toolName: string,
  tools: ToolTable,
): Promise<ParsedInput> {
  const parsed = parseProviderInput(text)
  const tool = tools.get(toolName)
  if (parsed.refusal !== undefined) return parsed
  if (tool === undefined) return { ...parsed, refusal: unknownTool(toolName, tools) }
  return { ...parsed, ...(await checkInput(tool, parsed.input)) }
}

async function checkInput(tool: ReadyTool, input: unknown) {
  const checked = await tool.check(input)
  if ('input' in checked) return { checkedInput: checked.input }
  return { refusal: `The input does not fit the tool:\n${checked.refusal}` }
}

/**
 * Some models send nothing or null for a tool without inputs. Some servers encode the JSON of an input
 * a second time, as a string. The input of a tool is always an object.
 */
function jsonOf(text: string): unknown {
  if (isEmptyInput(text)) return {}
  const input = parseJson(text)
  return typeof input === 'string' ? (objectIn(input) ?? input) : input
}

function objectIn(text: string): object | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return Object(parseJson(text))
  } catch {
    return undefined
  }
}

function unknownTool(toolName: string, tools: ToolTable): string {
  const names = [...tools.keys()]
  const list = names.length === 0 ? 'There are no tools.' : `Tools: ${names.join(', ')}.`
  return `There is no tool "${toolName}". ${list}`
}
