/**
 * A conversation as the command has it: in this process, in Redis, or on a server somewhere. Whoever
 * talks reads events and answers what the conversation waits for; where it lives is the adapter's.
 */
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import type { ModelReference } from '../model.ts'
import type { Answer } from '../store/letter.ts'
import type { NamedTool } from '../tool.ts'

export type Events = AsyncIterable<AgentEvent>

export interface Conversation {
  readonly id: string
  /** Sends a message; its answer, as it is made. Leaving the loop leaves the answer running. */
  send(text: string, signal: AbortSignal): Promise<Events>
  /** Answers what the message waits for; what follows. */
  answer(messageId: string, answers: readonly Answer[], signal: AbortSignal): Promise<Events>
  /** The answer that is being made or waits, from its start; undefined when there is none. */
  watch(signal: AbortSignal): Promise<Events | undefined>
  /** What is being made or waits just now, by the id of its message. */
  running(): Promise<string | undefined>
  /** Stops the running answer; what was said is kept. */
  stop(): Promise<void>
  messages(): Promise<UIMessage[]>
  /** Keeps what there is, where that is not done already. */
  save(): Promise<void>
}

export interface ConversationSummary {
  id: string
  /** Milliseconds since 1970. */
  updatedAt: number
  agent: string
  /** How it began, where that is known. */
  title?: string
  /** The folder that it is about, where that is known. */
  directory?: string
}

/** The one that `--continue` means: the last used in this folder, or of none; else the last of all. */
export function lastIn(
  summaries: readonly ConversationSummary[],
  here: string,
): ConversationSummary | undefined {
  const isHere = ({ directory }: ConversationSummary) => (directory ?? here) === here
  return summaries.find(isHere) ?? summaries[0]
}

/** What the next turn of a conversation in this process is run with. */
export interface ChatSettings {
  model: ModelReference | undefined
  /** Undefined where the agent's own are used. */
  tools: readonly NamedTool[] | undefined
}

export interface Conversations extends AsyncDisposable {
  /** For people: where they are kept. */
  readonly place: string
  /** True where they outlive this process. */
  readonly isKept: boolean
  /** True where others may talk in them too. */
  readonly isShared: boolean
  /** For people: what answers. */
  readonly agent: string
  /** Begins a new one without an id. @throws LoomError `not-found` for an id that is not known */
  open(id?: string): Promise<Conversation>
  /** The last used first. */
  list(): Promise<ConversationSummary[]>
  /** False where there is none. */
  remove(id: string): Promise<boolean>
  /** Why the last turn failed, where more is known of it than its events tell. */
  failure(): unknown
}
