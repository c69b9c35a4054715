/**
 * Repairs the list of tools that a server sends. The MCP client validates the list as a whole, so one tool
 * with an invalid field would lose all the others. The repaired list fits the protocol's schema
 * (https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool).
 */
import { objectIn } from '../ground/fields.ts'

const texts = ['title', 'description'] as const
const objects = ['outputSchema', '_meta'] as const

/** Returns the tools of a list: each tool with a name is repaired, others are removed. */
export const repairTools = (tools: readonly unknown[]): unknown[] => tools.flatMap(repairTool)

function repairTool(value: unknown): unknown[] {
  const tool = objectIn(value)
  const { name } = tool ?? {}
  if (tool === undefined || typeof name !== 'string' || name === '') return []
  const whole: Record<string, unknown> = { name, inputSchema: repairSchema(tool['inputSchema']) }
  for (const key of texts) if (typeof tool[key] === 'string') whole[key] = tool[key]
  for (const key of objects) if (objectIn(tool[key]) !== undefined) whole[key] = tool[key]
  const annotations = objectIn(tool['annotations'])
  if (annotations !== undefined) whole['annotations'] = repairHints(annotations)
  return [whole]
}

/** Returns a schema of an object, since the arguments of a call are always an object. */
function repairSchema(value: unknown): Record<string, unknown> {
  const schema = objectIn(value) ?? {}
  const { properties, ...rest } = schema
  const isObject = schema['type'] === undefined || schema['type'] === 'object'
  if (!isObject) return { type: 'object' }
  const fields = objectIn(properties)
  return { ...rest, type: 'object', ...(fields !== undefined && { properties: fields }) }
}

function repairHints(annotations: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(annotations)
  return Object.fromEntries(
    entries.filter(([key, value]) =>
      key === 'title' ? typeof value === 'string' : typeof value === 'boolean',
    ),
  )
}
