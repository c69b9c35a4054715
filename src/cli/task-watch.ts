/** Reads the tasks of an answer while its calls of sub-agents run, for the tree below the status line. */
import type { AgentEvent } from '../event.ts'
import { fieldsOf } from '../ground/fields.ts'
import type { TaskInfo } from '../task.ts'
import type { Conversation } from './conversation.ts'
import type { Screen } from './render/screen.ts'
import { taskLines } from './render/task-lines.ts'

/** The interval between two reads of the tasks, in milliseconds. */
const readMs = 1000

/** Above this number of tasks, they are read less often in proportion, because each read has all of them. */
const smallMax = 200

/** The largest number of lines below the status line. */
const linesMax = 8

export class TaskWatch {
  readonly #conversation: Pick<Conversation, 'id' | 'tasks'>
  readonly #screen: Pick<Screen, 'paint'>
  #tasks: readonly TaskInfo[] = []
  #timer: NodeJS.Timeout | undefined
  #isReading = false
  /** The number of intervals to pass before the next read. */
  #passes = 0

  constructor(conversation: Pick<Conversation, 'id' | 'tasks'>, screen: Pick<Screen, 'paint'>) {
    this.#conversation = conversation
    this.#screen = screen
  }

  /** Starts to read with the first report of a sub-agent. */
  add(event: AgentEvent): void {
    if (this.#timer !== undefined || event.type !== 'tool-output-available') return
    if (event.preliminary !== true || !isReport(event.output)) return
    this.#timer = setInterval(() => void this.#read(), readMs).unref()
    void this.#read()
  }

  /** The lines of the tasks that these calls started, and of those below them. */
  lines(columns: number, toolCallIds: ReadonlySet<string>): string[] {
    const { id } = this.#conversation
    const tasks = this.#tasks.filter(
      ({ parentId, toolCallId }) => parentId !== id || toolCallIds.has(toolCallId),
    )
    const lines = taskLines(tasks, { columns, paint: this.#screen.paint, root: id })
    if (lines.length <= linesMax) return lines
    return [...lines.slice(0, linesMax - 1), `… ${lines.length - linesMax + 1} more tasks`]
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #read(): Promise<void> {
    if (this.#isReading || this.#passes-- > 0) return
    this.#isReading = true
    try {
      this.#tasks = await this.#conversation.tasks()
      this.#passes = Math.ceil(this.#tasks.length / smallMax) - 1
    } catch {
      // The tree is only a view. The stream of the answer reports a lost server.
    } finally {
      this.#isReading = false
    }
  }
}

/** Whether an output is the progress of a sub-agent. */
function isReport(output: unknown): boolean {
  const { text, toolCalls } = fieldsOf(output)
  return typeof text === 'string' && Array.isArray(toolCalls)
}
