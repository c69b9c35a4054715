/**
 * The settings of one answer that a client asks for, such as those of an OpenAI request. They are plain JSON, because
 * the letter of the answer keeps them for each instance that runs its turn.
 */
import type { JSONObject, JSONSchema7 } from '@ai-sdk/provider'

import type { ToolChoice } from './step-preparation.ts'

/** A tool that the client runs. */
export interface AskedTool {
  /** The name of the tool. No tool of the agent has it. */
  name: string
  /** The description for the model. Absent if the client gives none. */
  description?: string
  /** The JSON schema of its input. */
  inputSchema: JSONSchema7
  /** Whether the provider shall hold the model to the schema. @defaultValue that of the provider */
  strict?: boolean
}

/** Settings of the model that an agent has no field for, with the names of `LanguageModelV4CallOptions`. */
export interface Sampling {
  /** The part of the probability mass from which the model takes a token, from 0 to 1. */
  topP?: number
  /** The penalty for tokens by their frequency so far, from -2 to 2. */
  frequencyPenalty?: number
  /** The penalty for tokens that the text has, from -2 to 2. */
  presencePenalty?: number
  /** The texts at which the model ends its reply. */
  stopSequences?: string[]
  /** The seed of the choice of tokens. */
  seed?: number
}

/** The settings of an answer. An absent one is that of the agent. */
export interface AnswerSettings {
  /** Instructions that follow the system prompt of the agent. */
  instructions?: string
  /** Tools beside those of the agent. */
  tools?: readonly AskedTool[]
  /**
   * The use of tools in the first step. Later steps have the choice of the agent: a required call would repeat
   * without end.
   */
  toolChoice?: ToolChoice
  /** The JSON schema of the answer, in place of the agent's. */
  output?: JSONObject
  /** The temperature of the model. */
  temperature?: number
  /** The maximum number of tokens of a model call. The lower one of this and the agent's counts. */
  maxOutputTokens?: number
  /** Further settings of the model. */
  sampling?: Sampling
}
