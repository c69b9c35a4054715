/**
 * The tools that the demo model calls: those that the message names after "use", "run" or "ask", or else
 * three for which it has a rule. It calls only tools that the request offers.
 */
import type {
  JSONObject,
  JSONValue,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
} from '@ai-sdk/provider'

export interface Call {
  toolName: string
  input: JSONValue
}

/** The tools that Loom runs, not the provider. */
export function offeredTools({ tools = [], toolChoice }: LanguageModelV4CallOptions) {
  return toolChoice?.type === 'none' ? [] : tools.filter((tool) => tool.type === 'function')
}

/** The calls that a message asks for. */
export function callsFor(options: LanguageModelV4CallOptions, text: string): Call[] {
  const tools = offeredTools(options)
  const named = namedCalls(text, tools)
  if (named.length > 0) return named
  return tools.flatMap(({ name: toolName }) =>
    (rules.get(toolName)?.(text) ?? []).map((input) => ({ toolName, input })),
  )
}

/** Each call takes its input from the words between its tool's name and the next one. */
function namedCalls(text: string, tools: readonly LanguageModelV4FunctionTool[]): Call[] {
  const names = [...text.matchAll(/\b(?:use|run|ask) (?:the )?`?([\w-]+)`?/gi)].flatMap((match) => {
    const tool = tools.find(({ name }) => name === match[1])
    return tool === undefined ? [] : { tool, at: match.index, end: match.index + match[0].length }
  })
  return names.map(({ tool, end }, index) => ({
    toolName: tool.name,
    input: inputFrom(text.slice(end, names[index + 1]?.at), tool.inputSchema),
  }))
}

/** The JSON in the words, or else the words in each required field. */
function inputFrom(
  words: string,
  { required = [] }: LanguageModelV4FunctionTool['inputSchema'],
): JSONValue {
  try {
    const value: JSONValue = JSON.parse(words.slice(words.indexOf('{'), words.lastIndexOf('}') + 1))
    return value
  } catch {
    const text = words.replaceAll(/^[\s,:]*(?:(?:to|for|with)\b)?\s*|[\s.?!]+$/g, '')
    return Object.fromEntries(required.map((key) => [key, text]))
  }
}

/** The inputs that a message means for the tools whose purpose is known. */
const rules: ReadonlyMap<string, (text: string) => readonly JSONObject[]> = new Map([
  ['calculator', (text: string) => sumsIn(text).map((expr) => ({ expr }))],
  ['clock', timesIn],
  ['human', questionsIn],
])

const signs = new Map([
  ['plus', '+'],
  ['minus', '-'],
  ['times', '*'],
  ['divided by', '/'],
  ['×', '*'],
  ['÷', '/'],
])

/**
 * A `-` or `/` between digits without spaces may belong to a date or a range, so it counts as a sign
 * only with spaces.
 */
const number = String.raw`\(*-?\d+(?:\.\d+)?\)*`
const sum = new RegExp(`(${number}(?:(?: ?[*+^] ?| [-/] )${number})+)(,? squared)?`, 'g')

/** The sums in order, as `6 * 7`. A single number is not a sum. */
function sumsIn(text: string): string[] {
  // A sum without a percentage or a root, which these rules cannot convert, would have a wrong result.
  if (/%|percent|root/i.test(text)) return []
  const line = text
    .replaceAll(/(?<=\d),(?=\d{3})/g, '')
    .replaceAll(/\b(?:plus|minus|times|divided by)\b|[×÷]/g, (sign) => signs.get(sign) ?? sign)
  return [...line.matchAll(sum)].map(([, found = '', squared]) => {
    const spaced = found.replaceAll(/(?<=[\d)]) ?([-*+/^]) ?/g, ' $1 ')
    return squared === undefined ? spaced : `(${spaced}) ^ 2`
  })
}

/** "What time is it in Tokyo and in New York?": the zones by their IANA names, in order. */
function timesIn(text: string): JSONObject[] {
  if (!/\b(?:what|current)\b.*\b(?:time|date|day)\b|\btime in\b/i.test(text)) return []
  const places = [...text.matchAll(/\b(?:in|and) ([A-Z][\w/]*(?: [A-Z]\w*)*)/g)]
  if (places.length === 0) return [{}]
  const zones = Intl.supportedValuesOf('timeZone')
  return places.map(([, place = '']) => {
    const city = place.replaceAll(' ', '_')
    // If a place is no zone, the clock explains the error.
    return { timeZone: zones.find((zone) => zone === city || zone.endsWith(`/${city}`)) ?? place }
  })
}

/** "Ask me which colour I like: red or blue": the question, and the options after the colon. */
function questionsIn(text: string): JSONObject[] {
  const [, subject, list = ''] = /\bask me ([^:.?!]+)(?::([^.?!]+))?/i.exec(text) ?? []
  if (subject === undefined) return []
  const options = list.split(/,| or /).map((option) => option.trim())
  const asked = subject.replaceAll(/\bI\b/g, 'do you')
  const question = `${asked.charAt(0).toUpperCase()}${asked.slice(1)}?`
  return [{ question, ...(options.length > 1 && { options }) }]
}
