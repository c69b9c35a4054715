/** The next request to the model of a session. It is built and not sent. */
import type { JSONObject } from '@ai-sdk/provider'

import type { Agent } from '../agent.ts'
import { uiMessage } from '../message-fold.ts'
import { callOptions, type CallOptions, offersOf } from '../runner/call-options.ts'
import { Compactor } from '../runner/compactor.ts'
import { FileFilter } from '../runner/file-filter.ts'
import { readRunSettings } from '../runner/run-settings.ts'
import { contextAfter, mergedContext } from '../store/context.ts'
import type { SessionRecord } from '../store/session.ts'
import { chosenModelIn } from './chosen-model.ts'
import { contextMessages } from './context-messages.ts'
import type { SessionHost } from './session-host.ts'
import { agentOfTask } from './task-agent.ts'

/** The next model call of a session: the options of the call, and their sources. */
export interface NextPrompt extends CallOptions {
  /** The name of the agent. */
  agent: string
  /** `provider/model-id`. */
  model: string
  /** The conversation is too long: the model first makes a summary of its beginning. */
  summaryDue?: true
}

/**
 * Returns the system prompt, the conversation as far as it fits into the model's window, the unfinished
 * answer, and the tools.
 * @param context undefined for the context of the turn that runs or waits, or the last one of the session
 * @throws LoomError `unknown-model` or `missing-key`; the errors of the agent's callbacks
 */
export async function nextPrompt(
  { models, defaultModel, sessions }: Pick<SessionHost, 'models' | 'defaultModel' | 'sessions'>,
  session: SessionRecord,
  { agent: first, context: ownContext }: { agent: Agent; context: JSONObject | undefined },
): Promise<NextPrompt> {
  const { sessionContext, partialAnswer, breaker } = await sessions.promptState(session)
  const partial = partialAnswer === undefined ? undefined : uiMessage(partialAnswer)
  const context = mergedContext(contextAfter(ownContext, sessionContext.context) ?? {})
  const task = await sessions.taskOf(session.id)
  const agent = (await agentOfTask(first, task?.path ?? [], context)) ?? first
  const { messages, origins } = await contextMessages(sessionContext, partial, { agent, context })
  // An unfinished answer continues with the model that its client chose.
  const chosen = chosenModelIn(partialAnswer?.metadata)
  const settings = await readRunSettings(agent, {
    ...(chosen !== undefined && { model: chosen }),
    context,
    models,
    defaultModel,
  })
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
  const view = await compactor.view(messages, { ...settings, model, facts, tools })
  const options = callOptions(model, settings, { messages: view, context, facts })
  const name = typeof reference === 'string' ? reference : `${model.provider}/${model.modelId}`
  const { summaryDue } = compactor
  const prompt = new FileFilter().promptFor({ model, facts, prompt: options.prompt })
  return { agent: agent.name, model: name, ...(summaryDue && { summaryDue }), ...options, prompt }
}
