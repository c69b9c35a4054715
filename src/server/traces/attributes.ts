/**
 * The attributes of spans: the semantic conventions of OpenTelemetry for generative AI, and names that begin with
 * `loom.` for all other facts.
 */
import type { Attributes } from '@opentelemetry/api'

import type { RunLabels, SpendingMeasures, TurnLabels } from '../../ground/telemetry-events.ts'

/** The providers that the conventions call by another name than the registry of models. */
const providerNames: Readonly<Record<string, string>> = {
  'amazon-bedrock': 'aws.bedrock',
  azure: 'azure.ai.openai',
  google: 'gcp.gemini',
  'google-vertex': 'gcp.vertex_ai',
  mistral: 'mistral_ai',
  moonshotai: 'moonshot_ai',
  xai: 'x_ai',
}

/** @param model `provider/model-id` */
export function modelAttributes(model: string): Attributes {
  const slash = model.indexOf('/')
  const provider = slash === -1 ? model : model.slice(0, slash)
  return {
    'gen_ai.provider.name': providerNames[provider] ?? provider,
    'gen_ai.request.model': modelIdOf(model),
  }
}

/** The name of a model without its provider. */
export const modelIdOf = (model: string): string => model.slice(model.indexOf('/') + 1)

export function idAttributes(labels: RunLabels | TurnLabels): Attributes {
  const { agent, sessionId, messageId, principal, parentSessionId, rootSessionId } = labels
  return {
    'gen_ai.agent.name': agent,
    'gen_ai.conversation.id': sessionId,
    'loom.message.id': messageId,
    'loom.tenant': principal,
    'loom.session.parent': parentSessionId,
    ...(rootSessionId !== sessionId && { 'loom.session.root': rootSessionId }),
  }
}

/** The conventions have no attribute for a cost. */
export const spendingAttributes = (spent: SpendingMeasures): Attributes => ({
  'gen_ai.usage.input_tokens': spent.inputTokens,
  'gen_ai.usage.output_tokens': spent.outputTokens,
  'gen_ai.usage.cache_read.input_tokens': spent.cachedInputTokens,
  'gen_ai.usage.reasoning.output_tokens': spent.reasoningTokens,
  'loom.cost.usd': spent.costUsd,
})
