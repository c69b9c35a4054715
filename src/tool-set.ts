/** The types of an agent's tools by their names. */
import type { Tool, ToolSet } from 'ai'

import type { NamedTool } from './tool.ts'

/**
 * The tools of an agent, or of a list of tools, as a type by name. The types `InferUITools` and
 * `UIToolInvocation` of the AI SDK take it.
 * @example
 * ```ts
 * import type { InferUITools } from 'ai'
 * import { defineTool, type ToolSetOf } from 'loomkit'
 * import { z } from 'zod'
 *
 * const inputSchema = z.object({ text: z.string() })
 * const tools = [defineTool({ name: 'shout', description: 'Shouts.', inputSchema })] as const
 * type Tools = InferUITools<ToolSetOf<typeof tools>>
 * const text: Tools['shout']['input']['text'] = 'Hello'
 * ```
 */
export type ToolSetOf<SOURCE> = SetOf<EntryOf<ToolsOf<SOURCE>>>

/** The tools of an agent; any other type is the tools. */
export type ToolsOf<SOURCE> = SOURCE extends { systemPrompt: unknown; tools?: infer TOOLS }
  ? Value<Exclude<TOOLS, undefined>>
  : SOURCE

/** The value of a field that may be a function of the context. */
type Value<FIELD> = FIELD extends (context: never) => infer RESULT ? Awaited<RESULT> : FIELD

/** The entries of all lists, if the tools are a union of lists. */
export type EntryOf<TOOLS> = TOOLS extends readonly (infer ENTRY)[] ? ENTRY : TOOLS

/** The entries of a list of tools as one type, by the name of the tool. */
type SetOf<ENTRY> = Named<Extract<ENTRY, NamedTool>> & Intersection<Exclude<ENTRY, NamedTool>>

/** The tools of Loom as one type, by their names. */
type Named<TOOL extends NamedTool> = { [ONE in TOOL as ONE['name']]: AsTool<ONE> }

/** The AI SDK's types refuse a tool whose own types are unknown. */
type AsTool<TOOL> = TOOL extends ToolSet[string] ? TOOL : Tool<unknown, unknown>

/** The intersection of the members of a union: a function of each of them is a function of all. */
type Intersection<UNION> = [UNION] extends [never]
  ? {}
  : (UNION extends unknown ? (member: UNION) => void : never) extends (all: infer ALL) => void
    ? ALL
    : never
