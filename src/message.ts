/** Creates messages in the AI SDK's form from plain text, like `Message.user/1` of LoomEx. */
import type { AssistantModelMessage, SystemModelMessage, UserModelMessage } from 'ai'

/**
 * Returns a message of the user, from a text or from parts such as images.
 * @example
 * ```ts
 * import { defineAgent, run, userMessage } from 'loomkit'
 *
 * const agent = defineAgent({ name: 'tutor', systemPrompt: 'Teach.', model: 'demo/assistant' })
 * const { text } = await run(agent, [userMessage('What is 2 + 2?')])
 * ```
 */
export const userMessage = (content: UserModelMessage['content']): UserModelMessage => ({
  role: 'user',
  content,
})

/**
 * Returns a message of the model, from a text or from parts such as tool calls.
 * @example
 * ```ts
 * import { assistantMessage, userMessage } from 'loomkit'
 *
 * const messages = [userMessage('What is 2 + 2?'), assistantMessage('4'), userMessage('Sure?')]
 * ```
 */
export const assistantMessage = (
  content: AssistantModelMessage['content'],
): AssistantModelMessage => ({ role: 'assistant', content })

/**
 * Returns instructions among the messages. The instructions of an agent are its `systemPrompt`.
 * @example
 * ```ts
 * import { systemMessage, userMessage } from 'loomkit'
 *
 * const messages = [systemMessage('Today is Monday.'), userMessage('Which day is tomorrow?')]
 * ```
 */
export const systemMessage = (content: string): SystemModelMessage => ({ role: 'system', content })
