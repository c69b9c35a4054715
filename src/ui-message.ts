/** The types of an agent's messages for a frontend. Nothing of this file exists at run time. */
import type { FlexibleSchema, InferUITools, UIMessage } from 'ai'

import type { Agent } from './agent.ts'
import type { AnswerMetadata } from './answer-metadata.ts'
import type { DataSchemas, DataTypesOf } from './data-part.ts'
import type { JsonOf } from './run-result.ts'
import type { EntryOf, ToolSetOf, ToolsOf } from './tool-set.ts'
import type { NamedTool } from './tool.ts'

/**
 * The inputs and outputs of an agent's tools by name, as the third parameter of `UIMessage`. It depends on no
 * version of the AI SDK: `UIMessage<AnswerMetadata, never, UIToolsOf<typeof agent>>` works with ai 5 to 7.
 * @example
 * ```ts
 * import { defineAgent, glob, type UIToolsOf, Workspace } from 'loomkit'
 *
 * const tools = [glob(await Workspace.open('/srv/project'))] as const
 * const agent = defineAgent({ name: 'finder', systemPrompt: 'Find files.', tools })
 * const input: UIToolsOf<typeof agent>['glob']['input'] = { pattern: '*.ts' }
 * ```
 */
export type UIToolsOf<SOURCE> = InferUITools<ToolSetOf<SOURCE>>

/**
 * The data of an agent's data parts by name, as the second parameter of `UIMessage`: those of its
 * `dataSchemas` and of its tools, and `output` for an agent with an `output` schema. `never` if there are none.
 * @example
 * ```ts
 * import { defineAgent, type UIDataOf } from 'loomkit'
 * import { z } from 'zod'
 *
 * const dataSchemas = { progress: z.object({ percent: z.number() }) }
 * const agent = defineAgent({ name: 'loader', systemPrompt: 'Load files.', dataSchemas })
 * const data: UIDataOf<typeof agent>['progress'] = { percent: 50 }
 * ```
 */
export type UIDataOf<SOURCE> = Merged<DataOf<SOURCE> | OutputDataOf<SOURCE>>

/** The data parts that tools of an agent write, as a union of records. */
type DataOf<SOURCE> = DataOfOwner<SOURCE> | DataOfEntry<EntryOf<ToolsOf<SOURCE>>>

type DataOfEntry<ENTRY> = ENTRY extends NamedTool
  ? DataOfOwner<ENTRY>
  : { [NAME in keyof ENTRY]: DataOfOwner<ENTRY[NAME]> }[keyof ENTRY]

/** An agent or a tool. Schemas of any name say nothing about the data. */
type DataOfOwner<OWNER> = OWNER extends { readonly dataSchemas?: infer SCHEMAS }
  ? Exclude<SCHEMAS, undefined> extends infer KNOWN extends DataSchemas
    ? string extends keyof KNOWN
      ? never
      : DataTypesOf<KNOWN>
    : never
  : never

type OutputDataOf<SOURCE> =
  SOURCE extends Agent<never, infer OUTPUT>
    ? unknown extends OUTPUT
      ? never
      : { output: JsonOf<OUTPUT> }
    : never

/** One record: a name that several records have takes the data of each of them. */
type Merged<RECORDS> = [RECORDS] extends [never]
  ? never
  : { [NAME in KeyOf<RECORDS>]: DataAt<RECORDS, NAME> }

type KeyOf<RECORDS> = RECORDS extends unknown ? keyof RECORDS & string : never

type DataAt<RECORDS, NAME extends string> = RECORDS extends Record<NAME, infer DATA> ? DATA : never

/** Schemas of the data parts that an agent's tools write, for the tool that runs the agent. */
export type DataSchemasOf<SOURCE> = [DataOf<SOURCE>] extends [never]
  ? DataSchemas
  : { [NAME in KeyOf<DataOf<SOURCE>>]: FlexibleSchema<DataAt<DataOf<SOURCE>, NAME>> }

/**
 * The messages of an agent, for `useChat` of ai 7: their metadata, the data parts, and the inputs and outputs
 * of the tools.
 * @example
 * ```ts
 * import { defineAgent, glob, type UIMessageOf, Workspace } from 'loomkit'
 *
 * const tools = [glob(await Workspace.open('/srv/project'))] as const
 * const agent = defineAgent({ name: 'finder', systemPrompt: 'Find files.', tools })
 * const costOf = ({ metadata }: UIMessageOf<typeof agent>) => metadata?.cost?.usd
 * ```
 */
export type UIMessageOf<SOURCE> = UIMessage<AnswerMetadata, UIDataOf<SOURCE>, UIToolsOf<SOURCE>>
