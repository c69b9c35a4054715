/**
 * How a model call asks for an answer that fits a schema: with the instructions, which every model reads,
 * and with `responseFormat` where it does not get in the way of tools.
 */
import type { JSONObject, LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { isDirectModel } from '../../model.ts'
import { type SystemPrompt, systemParts } from '../../system-prompt.ts'
import type { RunSettings } from '../run-settings.ts'
import type { OutputSchema } from './output-schema.ts'

type Offers = NonNullable<LanguageModelV4CallOptions['tools']>

export interface AnswerFormat {
  tools: Offers
  responseFormat: LanguageModelV4CallOptions['responseFormat']
  /** Whether the schema is not in the strict form of OpenAI. */
  isLenient: boolean
}

/** With these options OpenAI takes a schema with optional fields. */
export const lenientSchema: Readonly<Record<string, JSONObject>> = {
  openai: { strictJsonSchema: false },
  openaiCompatible: { strictJsonSchema: false },
}

/**
 * Some servers refuse a format beside tools (Groq: "json mode cannot be combined with tool/function
 * calling"; llama.cpp: "Cannot use custom grammar constraints with tools"), and others never call a tool
 * then (Ollama). For a correction Loom offers such a model no tools.
 */
export function answerFormat(
  model: LanguageModelV4,
  { output, isRepair }: Pick<RunSettings, 'output' | 'isRepair'>,
  tools: Offers,
): AnswerFormat {
  const isPlain = { tools, responseFormat: undefined, isLenient: false }
  if (output === undefined) return isPlain
  const offered = isRepair && isDirectModel(model) && !takesBoth(model) ? [] : tools
  if (offered.length > 0 && !takesBoth(model)) return isPlain
  const responseFormat = { type: 'json' as const, schema: output.wireSchema, name: 'output' }
  return { tools: offered, responseFormat, isLenient: !output.isStrict }
}

/**
 * Whether the model takes a format beside tools. The packages of these providers send a tool for the answer
 * where the API has no format or refuses both.
 */
const takesBoth = ({ provider }: LanguageModelV4): boolean =>
  /^(?:anthropic|demo|google|openai)(?:\.|$)/.test(provider)

/** The system prompt with the schema of the answer. */
export function withInstructions(
  prompt: SystemPrompt,
  output: OutputSchema | undefined,
): SystemPrompt {
  if (output === undefined) return prompt
  if (typeof prompt !== 'string') return [...systemParts(prompt), output.instructions]
  return prompt === '' ? output.instructions : `${prompt}\n\n${output.instructions}`
}
