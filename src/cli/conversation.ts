/**
 * The port to a conversation of the command. The caller sends messages, reads events and answers
 * open calls. The adapters store the conversation in this process, in Redis or on a server.
 */
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import type { ModelReference } from '../model.ts'
import type { Answer } from '../store/letter.ts'
import type { TaskInfo } from '../task.ts'
import type { NamedTool } from '../tool.ts'

export type Events = AsyncIterable<AgentEvent>

export interface Conversation {
  readonly id: string
  /**
   * Sends a message and returns the events of its answer. The answer continues if the caller stops
   * reading.
   */
  send(message: string | UIMessage, signal: AbortSignal): Promise<Events>
  /** Answers the open calls of a message and returns the events that follow. */
  answer(messageId: string, answers: readonly Answer[], signal: AbortSignal): Promise<Events>
  /** Answers the open calls of a message. Another reader shows the events that follow. */
  settle(messageId: string, answers: readonly Answer[]): Promise<void>
  /**
   * The events of the whole conversation, one answer after the other, also of those that other clients asked for:
   * `AgentSession.follow`.
   */
  follow(signal: AbortSignal): Promise<Events>
  /** The events of the running or waiting answer, from its start. Undefined if there is none. */
  watch(signal: AbortSignal): Promise<Events | undefined>
  /** The message id of the running or waiting answer. Undefined if there is none. */
  running(): Promise<string | undefined>
  /**
   * Stops the running answer, with the tasks that it waits for. The text so far stays in the conversation.
   * With `tree`, all tasks below the conversation stop too. With `messageId`, only the answer to this message
   * stops, and a message that waits is withdrawn.
   */
  stop(options?: { tree?: boolean; messageId?: string }): Promise<void>
  /** The tasks below the conversation, the first started one first. */
  tasks(): Promise<TaskInfo[]>
  /** The message id of the answer that runs or waits, or of the last one. Undefined before the first one. */
  latest(): Promise<string | undefined>
  messages(): Promise<UIMessage[]>
  /** Stores the conversation, if that is not done already. */
  save(): Promise<void>
}

export interface ConversationSummary {
  id: string
  /** Milliseconds since 1970. */
  updatedAt: number
  agent: string
  /** The beginning of the first message. Missing if it is not known. */
  title?: string
  /** The folder that the agent works in. Missing if it is not known. */
  directory?: string
}

/**
 * The session that `--continue` opens: the newest one of this folder or without a folder, or else
 * the newest of all.
 */
export function lastIn(
  summaries: readonly ConversationSummary[],
  here: string,
): ConversationSummary | undefined {
  const isHere = ({ directory }: ConversationSummary) => (directory ?? here) === here
  return summaries.find(isHere) ?? summaries[0]
}

/** The settings of the next turn of a conversation in this process. */
export interface ChatSettings {
  model: ModelReference | undefined
  /** Undefined if the tools of the agent are used. */
  tools: readonly NamedTool[] | undefined
}

export interface Conversations extends AsyncDisposable {
  /** Where the conversations are stored, as a text for the user. */
  readonly place: string
  /** Whether the conversations outlive this process. */
  readonly isStored: boolean
  /** Whether other clients may post to them too. */
  readonly isShared: boolean
  /** The name of the agent that answers, as a text for the user. */
  readonly agent: string
  /**
   * Opens the conversation with this id, or a new one without an id.
   * @throws LoomError `not-found` for an unknown id
   */
  open(id?: string): Promise<Conversation>
  /** Lists the conversations, newest first. */
  list(): Promise<ConversationSummary[]>
  /** Removes a conversation. Returns false if there is none with this id. */
  remove(id: string): Promise<boolean>
  /** The error of the last turn. Undefined if only the events of the turn describe it. */
  failure(): unknown
}
