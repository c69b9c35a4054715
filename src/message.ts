/** Messages in the AI SDK's form, made from plain text: `Message.user/1` and its sisters of LoomEx. */
import type { AssistantModelMessage, SystemModelMessage, UserModelMessage } from 'ai'

/** What a user says. */
export const userMessage = (content: UserModelMessage['content']): UserModelMessage => ({
  role: 'user',
  content,
})

/** What the model is to have said. */
export const assistantMessage = (
  content: AssistantModelMessage['content'],
): AssistantModelMessage => ({ role: 'assistant', content })

/** Instructions among the messages. Those of the agent are its `systemPrompt`. */
export const systemMessage = (content: string): SystemModelMessage => ({ role: 'system', content })
