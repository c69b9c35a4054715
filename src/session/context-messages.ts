/**
 * A session as its model is told it: the summary and what follows that, and never the whole of a long
 * history. Where each stored message ends is known, so that the next summary can stand for whole ones.
 */
import type { JSONObject } from '@ai-sdk/provider'
import type { ModelMessage, UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { Origins } from '../runner/compaction/origins.ts'
import type { SessionContext } from '../store/session.ts'
import { modelMessagesOf } from '../wire/conversation.ts'
import { toolSetOf } from '../wire/conversation/tool-set.ts'

export interface ContextMessages {
  messages: ModelMessage[]
  origins: Origins
}

/** @param partial the answer that is under way: it has no end that a summary could be kept by */
export async function contextMessages(
  { summary, messages: history }: SessionContext,
  partial: UIMessage | undefined,
  { agent, context }: { agent: Agent; context: JSONObject },
): Promise<ContextMessages> {
  const { tools = [] } = agent
  const origins = new Origins()
  const messages = await modelMessagesOf(
    partial === undefined ? history : [...history, partial],
    async () => toolSetOf(typeof tools === 'function' ? await tools(context) : tools),
    (last, id) => {
      if (id !== partial?.id) origins.markEnd(last, id)
    },
  )
  return {
    origins,
    messages: summary === undefined ? messages : [origins.summary(summary.text), ...messages],
  }
}
