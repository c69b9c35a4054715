/**
 * The tools that the demo model calls. The first of these rules that gives a call decides: the tools that
 * the message names after "use", "run" or "ask"; a researcher for each thing to research; the tools whose
 * purpose is known. It calls only tools that the request offers.
 */
import type { JSONObject, JSONValue, LanguageModelV4CallOptions } from '@ai-sdk/provider'

export interface Call {
  toolName: string
  input: JSONValue
}

/** The tools that Loom runs, not the provider. */
export function offeredTools({ tools = [], toolChoice }: LanguageModelV4CallOptions) {
  return toolChoice?.type === 'none' ? [] : tools.filter((tool) => tool.type === 'function')
}

type Tool = ReturnType<typeof offeredTools>[number]

/** The calls that a message asks for. */
export function callsFor(options: LanguageModelV4CallOptions, text: string): Call[] {
  const tools = offeredTools(options)
  const rules = [namedCalls, researchCalls, knownCalls]
  return rules.map((rule) => rule(text, tools)).find((calls) => calls.length > 0) ?? []
}

/**
 * A string of JSON, or a word after "use", "run" or "ask". A string may be the task of a sub-agent: the
 * tools that it names are calls of the sub-agent.
 */
const stringOrName = /"(?:[^"\\\n]|\\.)*"|\b(?:use|run|ask) (?:the )?`?([\w-]+)`?/gi

/** Each call takes its input from the words between its tool's name and the next one. */
function namedCalls(text: string, tools: readonly Tool[]): Call[] {
  const names = [...text.matchAll(stringOrName)].flatMap(({ 0: found, 1: name, index }) =>
    tools.filter((tool) => tool.name === name).map((tool) => ({ tool, found, index })),
  )
  return names.map(({ tool, found, index }, at) =>
    callOf(tool, text.slice(index + found.length, names[at + 1]?.index)),
  )
}

/** "Research A, B and C" or "Plan: A, B, C": one call for each thing, at most three. */
function researchCalls(text: string, tools: readonly Tool[]): Call[] {
  const researcher = tools.find(({ name }) => name === 'researcher')
  const [, list] = /(?:^|\b(?:please|you|to) )(?:research|plan)\b(.+)/ims.exec(text) ?? []
  if (researcher === undefined || list === undefined) return []
  const things = list.split(/[,;\n]|\band\b/).filter((thing) => /\w/.test(thing))
  return things.slice(0, 3).map((thing) => callOf(researcher, thing))
}

/** The input is the JSON in the words, or else the words in each required field. */
function callOf({ name: toolName, inputSchema }: Tool, words: string): Call {
  try {
    const json = words.slice(words.indexOf('{'), words.lastIndexOf('}') + 1)
    const input: JSONValue = JSON.parse(json)
    return { toolName, input }
  } catch {
    const text = words.replaceAll(/^[\s,:]*(?:(?:to|for|with)\b)?\s*|[\s.?!]+$/g, '')
    const fields = (inputSchema.required ?? []).map((key) => [key, text])
    return { toolName, input: Object.fromEntries(fields) }
  }
}

const knownCalls = (text: string, tools: readonly Tool[]): Call[] =>
  tools.flatMap(({ name: toolName }) =>
    (purposes.get(toolName)?.(text) ?? []).map((input) => ({ toolName, input })),
  )

/** The inputs that a message means for the tools whose purpose is known. */
const purposes: ReadonlyMap<string, (text: string) => readonly JSONObject[]> = new Map([
  ['calculator', sumsIn],
  ['clock', timesIn],
  ['human', questionsIn],
])

const signs = { plus: '+', minus: '-', times: '*', 'divided by': '/', '×': '*', '÷': '/' }

// A `-` or `/` without spaces may belong to a date or a range, so it is a sign only with spaces.
const number = String.raw`\(*-?\d+(?:\.\d+)?\)*`
const sum = new RegExp(`(${number}(?:(?: ?[*+^] ?| [-/] )${number})+)(,? squared)?`, 'g')

/** The sums in order, as `6 * 7`. A single number is not a sum. */
function sumsIn(text: string): JSONObject[] {
  // These rules cannot convert a percentage or a root, and a sum that leaves it out has a wrong result.
  if (/%|percent|root/i.test(text)) return []
  let line = text.replaceAll(/(?<=\d),(?=\d{3})/g, '')
  for (const [word, sign] of Object.entries(signs)) line = line.replaceAll(word, sign)
  return [...line.matchAll(sum)].map(([, found = '', squared]) => {
    const expr = found.replaceAll(/(?<=[\d)]) ?([-*+/^]) ?/g, ' $1 ')
    return { expr: squared === undefined ? expr : `(${expr}) ^ 2` }
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
  const [, subject = '', list = ''] = /\bask me ([^:.?!]+)(?::([^.?!]+))?/i.exec(text) ?? []
  if (subject === '') return []
  const options = list.split(/,| or /).map((option) => option.trim())
  const words = subject.replaceAll(/\bI\b/g, 'do you')
  const question = `${words.charAt(0).toUpperCase()}${words.slice(1)}?`
  return [{ question, ...(options.length > 1 && { options }) }]
}
