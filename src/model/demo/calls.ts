/**
 * Which tools the demo model calls for a message. It only ever calls tools that the request offers;
 * for four names it knows what people mean by them, any other it calls when the message says "use …".
 */
import type { JSONValue, LanguageModelV4FunctionTool } from '@ai-sdk/provider'

import { expressionsIn } from './arithmetic.ts'
import type { Conversation } from './conversation.ts'
import { textMax } from './conversation.ts'
import { inputFor, type Schema } from './input.ts'
import { timeZonesIn } from './places.ts'
import { questionIn } from './question.ts'

export interface Call {
  toolName: string
  input: JSONValue
}

type Tools = readonly LanguageModelV4FunctionTool[]

/** The calls that the last user message asks for; none is most messages. */
export function callsFor(conversation: Conversation, tools: Tools): Call[] {
  const text = conversation.text.slice(0, textMax)
  const mentions = mentionsIn(text, tools)
  if (mentions.some(({ tool }) => !isKnown(tool.name))) return mentions.map(callOf)
  const meant = researchCalls(text, tools) ?? questionCalls(text, tools)
  if (meant !== null) return meant
  const calls = [...sumCalls(text, conversation.previous, tools), ...timeCalls(text, tools)]
  return calls.length > 0 ? calls : mentions.map(callOf)
}

/** A call of a tool that has to be called, whatever the message says. */
export function forcedCall(conversation: Conversation, tool: LanguageModelV4FunctionTool): Call {
  const [meant] = callsFor(conversation, [tool])
  return meant ?? callOf({ tool, text: conversation.text.slice(0, textMax) })
}

interface Mention {
  tool: LanguageModelV4FunctionTool
  /** What follows the name, up to the next mention. */
  text: string
}

function callOf({ tool, text }: Mention): Call {
  // "Use the calculator" and no more: something to see is better than an error.
  const wanted = tool.name === 'calculator' && !/[\p{L}\d]/u.test(text) ? '6 * 7' : text
  return { toolName: tool.name, input: inputFor(tool.inputSchema, wanted) }
}

/** "Use get_weather with city Paris": every offered tool that the message says to use. */
function mentionsIn(text: string, tools: Tools): Mention[] {
  const found = tools.flatMap((tool) => {
    const match = mentionOf(tool.name).exec(text)
    return match === null ? [] : [{ tool, start: match.index, end: match.index + match[0].length }]
  })
  found.sort((a, b) => a.start - b.start || b.end - a.end)
  // "Use read" is in "use read_file" too: the longest name at a place is meant.
  const distinct = found.filter(({ start }, index) => found[index - 1]?.start !== start)
  return distinct.map(({ tool, end }, index) => ({
    tool,
    text: text.slice(end, distinct[index + 1]?.start ?? text.length),
  }))
}

function mentionOf(name: string): RegExp {
  // "get weather" and "get-weather" mean `get_weather`.
  const spelled = name.split(/[_-]+/).join('[ _-]?')
  const verb = String.raw`\b(?:use|using|call|run|try|invoke|execute)\s+(?:the\s+|my\s+|your\s+)?(?:tool\s+)?`
  return new RegExp(`${verb}["'\`“]?${spelled}["'\`”]?(?:\\s+tool)?(?![\\w-])`, 'i')
}

const isKnown = (name: string): boolean => knownNames.has(name) || isResearcher(name)

const knownNames: ReadonlySet<string> = new Set(['calculator', 'clock', 'human'])

export const isResearcher = (name: string): boolean => /^research(?:er)?$/i.test(name)

const named = (tools: Tools, name: string) => tools.find((tool) => tool.name === name)

/** True where the message asks for research, whether or not somebody can do it. */
export const asksForResearch = (text: string): boolean => researchPattern.test(text)

const researchPattern =
  /\b(?:(?:ask|use|tell|have|let)\s+(?:the\s+|a\s+|your\s+)?researcher|do\s+(?:some\s+)?research|research|look\s+up|investigate)\b[\s:,]*(?:(?:about|on|into|to|for|please)\b[\s:,]*)?/i

function researchCalls(text: string, tools: Tools): Call[] | null {
  const tool = tools.find(({ name }) => isResearcher(name))
  const match = researchPattern.exec(text)
  if (tool === undefined || match === null) return null
  const subject = text.slice(match.index + match[0].length).trim()
  return [{ toolName: tool.name, input: { [keyOf(tool, 'prompt')]: subject || text.trim() } }]
}

function questionCalls(text: string, tools: Tools): Call[] | null {
  const tool = named(tools, 'human')
  const question = tool === undefined ? null : questionIn(text)
  return question === null ? null : [{ toolName: 'human', input: question }]
}

function sumCalls(text: string, previous: number | undefined, tools: Tools): Call[] {
  const tool = named(tools, 'calculator')
  if (tool === undefined) return []
  const expressions = expressionsIn(text, previous)
  const input = (expression: string) => ({ [keyOf(tool, 'expr')]: expression })
  return expressions.map((expression) => ({ toolName: tool.name, input: input(expression) }))
}

/** True where the message asks for the time or the date. */
export const asksForTime = (text: string): boolean => timePattern.test(text)

const timePattern =
  /\btime is it\b|\b(?:what|tell me|which|know|current|local)\b[^.?!]{0,30}\b(?:time|date|day|year)\b(?! (?:of|to|for|off)\b)|\btoday'?s date\b|\bwhat day\b|\btime (?:in|at|now)\b|\b(?:the|a|use) clock\b/i

function timeCalls(text: string, tools: Tools): Call[] {
  const tool = named(tools, 'clock')
  if (tool === undefined || !asksForTime(text)) return []
  const zones = timeZonesIn(text)
  if (zones.length === 0) return [{ toolName: tool.name, input: {} }]
  return zones.map((zone) => ({ toolName: tool.name, input: { [keyOf(tool, 'timeZone')]: zone } }))
}

/** The tool's own name for its one input, where it is not the usual one. */
function keyOf(tool: { inputSchema: Schema }, usual: string): string {
  const keys = Object.keys(tool.inputSchema.properties ?? {})
  return keys.includes(usual) ? usual : (keys[0] ?? usual)
}
