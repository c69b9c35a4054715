/** What the model of a session would be asked next, without asking it. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import type { Loom } from '../loom.ts'
import { uiMessage } from '../message-fold.ts'
import { callOptions, type CallOptions } from '../runner/call-options.ts'
import { readSettings } from '../runner/settings.ts'
import type { SessionRecord } from '../store/session.ts'
import { promptMessages } from './turn-agent.ts'

export interface NextPrompt extends CallOptions {
  agent: string
  /** `provider/model-id`. */
  model: string
}

/**
 * The system prompt, the conversation as far as it fits the model's window, an answer that is under way
 * or waits, and the tools: what a call of the model is given.
 * @throws LoomError `unknown-model` or `missing-key`; what the agent's callbacks throw
 */
export async function nextPrompt(
  { models, defaultModel, sessions }: Pick<Loom, 'models' | 'defaultModel' | 'sessions'>,
  { id, state, turn }: SessionRecord,
  { agent, context }: { agent: Agent; context: JSONObject },
): Promise<NextPrompt> {
  const history = await sessions.messages(id)
  const isOpen = state !== 'idle' && turn !== undefined
  const messages = isOpen
    ? [...history, uiMessage(await sessions.unfinished(id, turn.logId))]
    : history
  const settings = await readSettings(agent, { context, models, defaultModel })
  const [reference = defaultModel] = settings.models
  const model = await models.resolve(reference)
  const options = callOptions(model, settings, {
    messages: await promptMessages(messages, agent, { context }),
    context,
    facts: await models.facts(reference),
  })
  const name = typeof reference === 'string' ? reference : `${model.provider}/${model.modelId}`
  return { agent: agent.name, model: name, ...options }
}
