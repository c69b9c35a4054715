/**
 * The messages of a session for its model: the summary and the messages after it, and never all of a
 * long history. The result marks the end of each stored message, so that the next summary can replace
 * whole messages.
 */
import type { JSONObject } from '@ai-sdk/provider'
import type { ModelMessage, UIMessage } from 'ai'

import type { Agent } from '../agent.ts'
import { earlyTools } from '../runner/callback-result.ts'
import { Origins } from '../runner/compaction/origins.ts'
import type { SessionContext } from '../store/session.ts'
import { modelMessagesOf } from '../wire/conversation.ts'
import { toolSetOf } from '../wire/conversation/tool-set.ts'

export interface ContextMessages {
  messages: ModelMessage[]
  origins: Origins
}

/** @param partial the unfinished answer. It has no end, so no summary can end with it. */
export async function contextMessages(
  { summary, messages: history }: SessionContext,
  partial: UIMessage | undefined,
  { agent, context }: { agent: Agent; context: JSONObject },
): Promise<ContextMessages> {
  const origins = new Origins()
  const messages = await modelMessagesOf(
    partial === undefined ? history : [...history, partial],
    async () => toolSetOf(await earlyTools(agent, context)),
    (last, id) => {
      if (id !== partial?.id) origins.markEnd(last, id)
    },
  )
  return {
    origins,
    messages: summary === undefined ? messages : [origins.summary(summary.text), ...messages],
  }
}
