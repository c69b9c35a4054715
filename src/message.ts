/** Messages in the AI SDK's form, made from plain text: `Message.user/1` and its sisters of LoomEx. */
import type { AssistantModelMessage, SystemModelMessage, UserModelMessage } from 'ai'

export const userMessage = (content: UserModelMessage['content']): UserModelMessage => ({
  role: 'user',
  content,
})

export const assistantMessage = (
  content: AssistantModelMessage['content'],
): AssistantModelMessage => ({ role: 'assistant', content })

export const systemMessage = (content: string): SystemModelMessage => ({ role: 'system', content })
