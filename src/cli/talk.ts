/** The objects of one `loom chat` command. */
import type { ChatFlags } from './chat-options.ts'
import type { Conversation, Conversations } from './conversation.ts'
import type { Human } from './human.ts'
import type { Interrupts } from './interrupts.ts'
import type { Gauge } from './render/gauge.ts'
import type { Screen } from './render/screen.ts'

export interface Talk {
  program: NodeJS.Process
  flags: ChatFlags
  screen: Screen
  gauge: Gauge
  interrupts: Interrupts
  conversations: Conversations
  conversation: Conversation
  human: Human
}
