/**
 * The question that the greeting of a server suggests: one that the agent answers with a tool. The demo model
 * calls a tool if the message names it and its input.
 */
import type { JSONValue } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import { exampleOf } from '../ground/schema-example.ts'
import type { ModelReference } from '../model.ts'
import type { ReadyTool } from '../runner/tool-table.ts'

const sum = 'What is 12 * 34?'
const anyQuestion = 'What can you do?'

/** Characters of a suggested input. */
const inputLengthMax = 100

/**
 * Returns a question that contains no single quotation mark, so that a shell accepts it between two of them.
 * @param defaultModel the model if the agent names none
 */
export async function firstQuestion(agent: Agent, defaultModel: ModelReference): Promise<string> {
  const { tools } = agent
  // The tools of a context are not known before a request.
  if (tools === undefined || typeof tools === 'function') return anyQuestion
  const { toolTable } = await import('../runner/tool-table.ts')
  const table = await toolTable(tools).catch(() => new Map<string, ReadyTool>())
  if (table.has('calculator')) return sum
  // A language model decides about calls itself.
  const [model] = [agent.model ?? defaultModel].flat()
  if (typeof model !== 'string' || !model.startsWith('demo/')) return anyQuestion
  for (const tool of table.values()) {
    // A suggestion must have no side effect.
    if (tool.execute === undefined || tool.retry !== 'safe') continue
    const input = await sampleInput(tool)
    if (input === undefined) continue
    const text = JSON.stringify(input)
    if (text.length <= inputLengthMax && !text.includes("'")) return `Use ${tool.name} ${text}`
  }
  return anyQuestion
}

/** Returns an input that the schema of the tool accepts. Undefined if no simple one is known. */
async function sampleInput(tool: ReadyTool): Promise<JSONValue | undefined> {
  const offer = tool.offer({})
  if (offer.type !== 'function') return undefined
  const text = 'to be or not to be'
  const input = exampleOf(offer.inputSchema, { text, withOptional: false })
  const checked = await tool.check(input)
  return 'input' in checked ? input : undefined
}
