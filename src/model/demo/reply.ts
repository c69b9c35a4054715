/** What the demo model does about a request: think, call tools, or say something. */
import type { LanguageModelV4CallOptions, LanguageModelV4FunctionTool } from '@ai-sdk/provider'

import { callsFor, forcedCall, isResearcher, type Call } from './calls.ts'
import { readPrompt, textMax, type Conversation } from './conversation.ts'
import { inputFor } from './input.ts'
import { reportOf } from './results.ts'
import { shortened, talk } from './talk.ts'

export interface Reply {
  /** Empty where none was asked for. */
  reasoning: string
  text: string
  calls: readonly Call[]
}

/** Says the last user text back, and nothing else. */
export function echo({ prompt }: LanguageModelV4CallOptions): Reply {
  return { reasoning: '', text: readPrompt(prompt).text, calls: [] }
}

/** Goes by its few rules. */
export function assist(options: LanguageModelV4CallOptions): Reply {
  const conversation = readPrompt(options.prompt)
  const tools = offeredTools(options)
  const calls = conversation.answered.length > 0 ? [] : chosenCalls(options, conversation, tools)
  const text = textFor(options, conversation, { calls, tools })
  const reasoning = wantsReasoning(options, conversation) ? thought(conversation, calls) : ''
  return { reasoning, text, calls }
}

/** Tools that the provider would run itself are none that this model has. */
function offeredTools({
  tools,
  toolChoice,
}: LanguageModelV4CallOptions): LanguageModelV4FunctionTool[] {
  if (toolChoice?.type === 'none') return []
  return (tools ?? []).filter((tool) => tool.type === 'function')
}

function chosenCalls(
  { toolChoice }: LanguageModelV4CallOptions,
  conversation: Conversation,
  tools: readonly LanguageModelV4FunctionTool[],
): Call[] {
  if (toolChoice?.type === 'tool') {
    const tool = tools.find(({ name }) => name === toolChoice.toolName)
    return tool === undefined ? [] : [forcedCall(conversation, tool)]
  }
  const calls = callsFor(conversation, tools)
  const [first] = tools
  if (calls.length > 0 || toolChoice?.type !== 'required' || first === undefined) return calls
  return [forcedCall(conversation, first)]
}

function textFor(
  { responseFormat }: LanguageModelV4CallOptions,
  conversation: Conversation,
  { calls, tools }: { calls: readonly Call[]; tools: readonly LanguageModelV4FunctionTool[] },
): string {
  // Models mostly call at once; only where the tool may take long is it worth a word.
  if (calls.length > 0)
    return calls.some(({ toolName }) => isResearcher(toolName)) ? handingOver : ''
  if (responseFormat?.type === 'json') {
    const text = conversation.text.slice(0, textMax)
    return JSON.stringify(inputFor(responseFormat.schema ?? {}, text))
  }
  if (conversation.answered.length > 0) return reportOf(conversation.answered)
  return talk(conversation, tools)
}

const handingOver = "I'll hand this to the researcher."

function wantsReasoning(
  { reasoning }: LanguageModelV4CallOptions,
  { text }: Conversation,
): boolean {
  if (reasoning === 'none') return false
  if (reasoning !== undefined && reasoning !== 'provider-default') return true
  return /\b(?:think|reason|reasoning|step by step)\b/i.test(text.slice(0, textMax))
}

function thought({ text, answered }: Conversation, calls: readonly Call[]): string {
  if (answered.length > 0) {
    const names = [...new Set(answered.map(({ toolName }) => toolName))].join(' and ')
    return `The ${names} answered. What is left is to say it plainly.`
  }
  const asked = `The user wrote “${shortened(text)}”.`
  if (calls.length === 0)
    return `${asked} None of my rules calls for a tool here, so I answer in words.`
  const plan = calls.map(({ toolName, input }) => `${toolName} with ${JSON.stringify(input)}`)
  return `${asked} I should not guess. I will call ${plan.join(' and ')}, and then report what comes back.`
}
