/** A call of a scripted model, in the form that a test compares. */
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider'

/**
 * A call of a scripted model: the prompt and the settings that the agent sent.
 * @example
 * ```ts
 * import { type ModelCall, scriptedModel } from 'loomkit/testing'
 *
 * const model = scriptedModel(['Hello.'])
 * const promptsOf = (calls: readonly ModelCall[]) => calls.map(({ system, text }) => [system, text])
 * const prompts = promptsOf(model.calls)
 * ```
 */
export interface ModelCall {
  /** The whole prompt, in the form of the AI SDK's provider specification. */
  readonly prompt: LanguageModelV4Prompt
  /** The text of the system messages. */
  readonly system: string
  /** The text of the last message. */
  readonly text: string
  /** The tool results in the last message. It is empty if the last message is no tool message. */
  readonly toolResults: readonly {
    /** The id of the call. */
    toolCallId: string
    /** The name of the tool. */
    toolName: string
    /** The value that the model receives: a text, JSON, or the text of an error. */
    output: unknown
  }[]
  /** The names of the tools that the model may call. */
  readonly toolNames: readonly string[]
  /** All options of the call, such as `temperature` and `abortSignal`. */
  readonly options: LanguageModelV4CallOptions
}

export function modelCall(options: LanguageModelV4CallOptions): ModelCall {
  const { prompt, tools = [] } = options
  const last = prompt.at(-1)
  const system = prompt.filter(({ role }) => role === 'system').map(textOf)
  return {
    prompt,
    system: system.join('\n\n'),
    text: last === undefined ? '' : textOf(last),
    toolResults: last?.role === 'tool' ? last.content.flatMap(resultOf) : [],
    toolNames: tools.map(({ name }) => name),
    options,
  }
}

function textOf(message: LanguageModelV4Message): string {
  if (message.role === 'system') return message.content
  return message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

type ToolPart = Extract<LanguageModelV4Message, { role: 'tool' }>['content'][number]

function resultOf(part: ToolPart): ModelCall['toolResults'][number][] {
  if (part.type !== 'tool-result') return []
  const { toolCallId, toolName, output } = part
  return [{ toolCallId, toolName, output: 'value' in output ? output.value : undefined }]
}
