/** The model that a client chooses for the answer of its message, among the `models` of the agent. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import { checkValue } from '../ground/agent-values.ts'
import { LoomError } from '../ground/error.ts'
import { textField } from '../ground/fields.ts'
import { didYouMean } from '../ground/nearest.ts'
import { nearestModels } from '../model/nearest-models.ts'
import { earlyResult } from '../runner/callback-result.ts'

/**
 * @param contextOf returns the context of the turn, for an agent whose list depends on it
 * @throws LoomError `invalid-request` if the agent does not list the model; the error of its callback
 */
export async function checkChosenModel(
  agent: Agent,
  model: string,
  contextOf: () => Promise<JSONObject>,
): Promise<void> {
  const { name } = agent
  const own = await ownModels(agent, contextOf)
  checkValue(name, 'models', own)
  const list = own ?? []
  if (list.includes(model)) return
  const text =
    list.length === 0
      ? `The agent "${name}" lets no client choose its model: post without "model".`
      : `The agent "${name}" does not offer the model ${JSON.stringify(model.slice(0, 200))}.${didYouMean(nearestModels(model, list))} It offers: ${list.join(', ')}.`
  throw new LoomError('invalid-request', text)
}

async function ownModels(
  agent: Agent,
  contextOf: () => Promise<JSONObject>,
): Promise<readonly string[] | undefined> {
  const { models } = agent
  if (typeof models !== 'function') return models
  const context = await contextOf()
  return earlyResult(agent, 'models', () => models(context))
}

/** The choice, as the message of the answer has it: an answer or an approval continues with this model. */
export const chosenModelIn = (metadata: unknown): string | undefined =>
  textField(metadata, 'requestedModel')
