/** The types of an agent's messages for a frontend. Nothing of this file exists at run time. */
import type { InferUITools, UIMessage } from 'ai'

import type { AnswerMetadata } from './answer-metadata.ts'
import type { ToolSetOf } from './tool-set.ts'

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
 * The messages of an agent, for `useChat` of ai 7: their metadata and the inputs and outputs of the tools.
 * @example
 * ```ts
 * import { defineAgent, glob, type UIMessageOf, Workspace } from 'loomkit'
 *
 * const tools = [glob(await Workspace.open('/srv/project'))] as const
 * const agent = defineAgent({ name: 'finder', systemPrompt: 'Find files.', tools })
 * const costOf = ({ metadata }: UIMessageOf<typeof agent>) => metadata?.cost?.usd
 * ```
 */
export type UIMessageOf<SOURCE> = UIMessage<AnswerMetadata, never, UIToolsOf<SOURCE>>
