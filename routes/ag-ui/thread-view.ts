/**
 * The messages of a thread as the client of a run shall have them: the stored history, and the answer as far as it was
 * sent. It loads the history only when the client needs all messages again.
 */
import type { UIMessage } from 'ai'

import type { AgentEvent } from '../../src/event.ts'
import { MessageFold } from '../../src/message-fold.ts'
import type { Sessions } from '../../src/sessions.ts'
import type { AgUiMessage } from '../../src/wire/frames/ag-ui/events.ts'
import { CallIds, reasoningId, stepMessageId } from '../../src/wire/frames/ag-ui/ids.ts'
import type { RunInput } from './run-input.ts'
import { answerMessages, stateIn, threadMessages } from './thread-messages.ts'

type ClientMessages = Pick<RunInput, 'kept' | 'resultIds' | 'reasoningIds'>

export class ThreadView {
  readonly #sessions: Sessions
  readonly #sessionId: string
  readonly #client: ClientMessages
  #fold = foldOf('')
  #history: readonly UIMessage[] = []
  /** The id of a reasoning message of the answer that the client has or had. */
  #reasoningId: string | undefined

  constructor(sessions: Sessions, sessionId: string, client: ClientMessages) {
    this.#sessions = sessions
    this.#sessionId = sessionId
    this.#client = client
  }

  /** Begins with an answer that the client does not have yet. */
  begin(logId: string): void {
    this.#fold = foldOf(logId)
    this.#reasoningId = this.#client.reasoningIds.find((id) => id.startsWith(`${logId}.`))
  }

  note(event: AgentEvent): void {
    this.#fold.add(event)
    if (event.type === 'reasoning-start') this.#reasoningId ??= reasoningId(this.#stepId, 0)
  }

  get #stepId(): string {
    const { id, parts } = this.#fold.message
    return stepMessageId(id, parts.filter(({ type }) => type === 'step-start').length - 1)
  }

  /** Loads the history before the answer. */
  async load(): Promise<void> {
    const history = await this.#sessions.messages(this.#sessionId)
    const at = history.findIndex(({ id }) => id === this.#fold.message.id)
    this.#history = at === -1 ? history : history.slice(0, at)
  }

  get messages(): AgUiMessage[] {
    const { kept, resultIds } = this.#client
    const ids = { resultIds, callIds: new CallIds() }
    const messages = [
      ...kept,
      ...threadMessages(this.#history, ids),
      ...answerMessages(this.#fold.message, ids),
    ]
    return [...messages, ...this.#withdrawnReasoning(messages)]
  }

  /** The state that the thread has. Undefined if no tool wrote one. */
  get state(): unknown {
    return stateIn(this.#history)
  }

  /**
   * A client keeps its reasoning messages unless a snapshot has one. So the snapshot has an empty one of the answer, which
   * the stream fills again.
   */
  #withdrawnReasoning(messages: readonly AgUiMessage[]): AgUiMessage[] {
    const id = this.#reasoningId
    const isStated = messages.some(({ role }) => role === 'reasoning')
    return id === undefined || isStated ? [] : [{ id, role: 'reasoning', content: '' }]
  }
}

const foldOf = (id: string) => new MessageFold({ id, role: 'assistant', parts: [] })
