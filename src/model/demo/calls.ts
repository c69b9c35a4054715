/**
 * Which tools the demo model calls: those that the message says to use or to ask, by their names, and
 * three whose purpose it knows. It calls only tools that the request offers.
 */
import type {
  JSONObject,
  JSONValue,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
} from '@ai-sdk/provider'

import { sumsIn } from './sum.ts'
import { inputFor, jsonIn } from './tool-input.ts'

export interface Call {
  toolName: string
  input: JSONValue
}

type Tools = readonly LanguageModelV4FunctionTool[]

/** The tools that Loom runs, not the provider. */
export function offeredTools({ tools, toolChoice }: LanguageModelV4CallOptions): Tools {
  if (toolChoice?.type === 'none') return []
  return (tools ?? []).filter((tool) => tool.type === 'function')
}

/** The calls that a message asks for, or the one that the request demands. */
export function callsFor(options: LanguageModelV4CallOptions, text: string): Call[] {
  const { toolChoice } = options
  const tools = offeredTools(options)
  const named = toolChoice?.type === 'tool' ? toolChoice.toolName : undefined
  const usable = named === undefined ? tools : tools.filter(({ name }) => name === named)
  const calls = callsIn(text, usable)
  const isForced = toolChoice?.type === 'tool' || toolChoice?.type === 'required'
  return calls.length > 0 || !isForced
    ? calls
    : usable.slice(0, 1).map((tool) => callOf(tool, text))
}

function callsIn(text: string, tools: Tools): Call[] {
  const mentions = mentionsIn(text, tools)
  const isPlain = mentions.some(({ tool, rest }) => !inputs.has(tool.name) || jsonIn(rest))
  const known = isPlain
    ? []
    : tools.flatMap(({ name: toolName }) =>
        (inputs.get(toolName)?.(text) ?? []).map((input) => ({ toolName, input })),
      )
  return known.length > 0 ? known : mentions.map(({ tool, rest }) => callOf(tool, rest))
}

const callOf = (tool: LanguageModelV4FunctionTool, text: string): Call => ({
  toolName: tool.name,
  input: inputFor(tool.inputSchema, text),
})

const mentionPattern = /\b(?:use|call|run|ask)\s+(?:the\s+|tool\s+)*["'`“]?([\w-]+)["'`”]?/gi

/** Every offered tool that the message names after "use" or "ask", with the text up to the next. */
function mentionsIn(text: string, tools: Tools) {
  const found = [...text.matchAll(mentionPattern)].flatMap(({ index, 0: words, 1: name }) => {
    const tool = tools.find((each) => each.name === name)
    return tool === undefined ? [] : [{ tool, start: index, end: index + words.length }]
  })
  return found.map(({ tool, end }, index) => ({
    tool,
    rest: text.slice(end, found[index + 1]?.start),
  }))
}

/** The inputs that a message means for the tools whose purpose is known. */
const inputs: ReadonlyMap<string, (text: string) => readonly JSONObject[]> = new Map([
  ['calculator', (text: string) => sumsIn(text).map((expr) => ({ expr }))],
  ['clock', timesIn],
  ['human', questionsIn],
])

export const asksForTime = (text: string): boolean =>
  /\btime is it\b|\b(?:what|current|local)\b[^.?!]{0,30}\b(?:time|date|day)\b|\btime in\b/i.test(
    text,
  )

/** "What time is it in Tokyo and in New York?": the zones by their IANA names, in order. */
function timesIn(text: string): JSONObject[] {
  if (!asksForTime(text)) return []
  const places = [...text.matchAll(/\b(?:in|and)\s+([\p{Lu}][\p{L}/_]*(?: \p{Lu}\p{L}*)*)/gu)]
  if (places.length === 0) return [{}]
  const zones = Intl.supportedValuesOf('timeZone')
  return places.map(([, place = '']) => {
    const city = place.replaceAll(' ', '_')
    // The clock explains what is wrong with a place that is no zone.
    return { timeZone: zones.find((zone) => zone === city || zone.endsWith(`/${city}`)) ?? place }
  })
}

/** "Ask me which colour I like: red or blue": the question, and the options after the colon. */
function questionsIn(text: string): JSONObject[] {
  const [, rest] = /\bask me\b\s*(?:a question\b\W*)?([^]*)/i.exec(text) ?? []
  if (rest === undefined) return []
  const [subject = '', list = ''] = rest.replace(/[\s.?!]+$/, '').split(':')
  const options = list.split(/,|\bor\b/).flatMap((option) => option.trim() || [])
  const words = subject.replace(/^(?:whether|if) /i, '').replaceAll(/\bI\b/g, 'do you')
  const asked = words.replaceAll(/\bmy\b/g, 'your').trim() || 'what shall we try next'
  const question = `${asked.charAt(0).toUpperCase()}${asked.slice(1)}?`
  return [{ question, ...(options.length > 1 && { options }) }]
}
