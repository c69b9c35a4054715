/** The letters that tasks send: to themselves, to each other and to their parents. */
import { LoomError } from '../ground/error.ts'
import type { Letter, WhenBusy } from '../store/letter.ts'
import type { PostReply } from '../store/mailbox.ts'
import type { Task, TaskStore } from '../store/task.ts'

/** Posts a letter; see `Mailboxes.post`. */
export type PostOfTask = (
  sessionId: string,
  letter: Letter,
  request: {
    tenant: string
    agent: string
    whenBusy: WhenBusy
    isResult?: boolean
    mailboxLimit?: number
  },
) => Promise<PostReply>

export class TaskPosts {
  readonly #store: TaskStore
  readonly #post: PostOfTask

  constructor({ store, post }: { store: TaskStore; post: PostOfTask }) {
    this.#store = store
    this.#post = post
  }

  /** Begins a task. A second begin changes nothing. */
  async begin(task: Task, tenant: string): Promise<void> {
    await this.post(task.id, task.letter, { tenant })
  }

  /** Begins the tasks that have a place now. */
  async beginAll(ids: readonly string[], tenant: string): Promise<void> {
    for (const id of ids) {
      const entry = await this.#store.task(id)
      if (entry !== undefined) await this.begin(entry.task, tenant)
    }
  }

  /** @throws LoomError `unavailable` if the session does not take the letter now */
  async post(
    sessionId: string,
    letter: Letter,
    request: { tenant: string; whenBusy?: WhenBusy; isResult?: boolean; mailboxLimit?: number },
  ): Promise<void> {
    const { agent } = letter.request
    const { status } = await this.#post(sessionId, letter, { whenBusy: 'queue', ...request, agent })
    if (status === 'full' || status === 'busy' || status === 'unknown') {
      throw new LoomError('unavailable', `The session of a task takes no letter: ${status}.`)
    }
  }
}
