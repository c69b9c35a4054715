/** What the model of a session would be asked next, without asking it. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import type { Loom } from '../loom.ts'
import { uiMessage } from '../message-fold.ts'
import { callOptions, type CallOptions, offersOf } from '../runner/call-options.ts'
import { Compactor } from '../runner/compactor.ts'
import { readRunSettings } from '../runner/run-settings.ts'
import { ShownFiles } from '../runner/shown-files.ts'
import type { SessionRecord } from '../store/session.ts'
import { contextMessages } from './context-messages.ts'

export interface NextPrompt extends CallOptions {
  agent: string
  /** `provider/model-id`. */
  model: string
  /** The conversation is too long as it is here: the model is asked for a summary of its beginning first. */
  summaryDue?: true
}

/**
 * The system prompt, the conversation as far as it fits the model's window, an answer that is under way
 * or waits, and the tools: what a call of the model is given.
 * @param context undefined for that of the turn which runs or waits, or else the session's last
 * @throws LoomError `unknown-model` or `missing-key`; what the agent's callbacks throw
 */
export async function nextPrompt(
  { models, defaultModel, sessions }: Pick<Loom, 'models' | 'defaultModel' | 'sessions'>,
  session: SessionRecord,
  { agent, context: asked }: { agent: Agent; context: JSONObject | undefined },
): Promise<NextPrompt> {
  const { stored, unfinished, breaker } = await sessions.promptState(session)
  const partial = unfinished === undefined ? undefined : uiMessage(unfinished)
  const { context = {} } = asked === undefined ? stored : { context: asked }
  const { messages, origins } = await contextMessages(stored, partial, { agent, context })
  const settings = await readRunSettings(agent, { context, models, defaultModel })
  const [reference = defaultModel] = settings.models
  const model = await models.resolve(reference)
  const facts = await models.facts(reference)
  const compactor = new Compactor({
    compaction: settings.compaction,
    origins,
    breaker,
    signal: new AbortController().signal,
    ask: undefined,
    save: undefined,
  })
  const tools = offersOf(settings, context)
  const shown = await compactor.view(messages, { ...settings, model, facts, tools })
  const options = callOptions(model, settings, { messages: shown, context, facts })
  const name = typeof reference === 'string' ? reference : `${model.provider}/${model.modelId}`
  const { summaryDue } = compactor
  const prompt = new ShownFiles().shownTo({ model, facts, prompt: options.prompt })
  return { agent: agent.name, model: name, ...(summaryDue && { summaryDue }), ...options, prompt }
}
