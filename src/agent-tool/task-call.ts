/** A call of an agent's tool in a session: it starts its task, and follows it. */
import type { CallTask, TaskOrder } from '../call-task.ts'
import type { AgentEvent, EventOf } from '../event.ts'
import type { ToolContext } from '../tool.ts'
import type { AgentToolOutput } from './output.ts'
import { openProgress } from './progress.ts'

/** Starts a task in the background. */
export async function beginTask(task: CallTask, order: TaskOrder): Promise<AgentToolOutput> {
  const taskId = await task.start(order)
  const text = `The task ${taskId} has begun in the background. Its result comes later, as a message.`
  return { text, toolCalls: [], taskId }
}

interface FollowedCall {
  /** Whether the agent has a schema for its output. */
  hasOutput: boolean
  context: Pick<ToolContext, 'toolCallId' | 'write'>
}

/** Follows the task of a call in a session. */
export async function* followTask(
  task: CallTask,
  order: TaskOrder,
  { hasOutput, context }: FollowedCall,
): AsyncGenerator<AgentToolOutput, AgentToolOutput> {
  await task.start(order)
  const progress = openProgress()
  // A call with preliminary output has begun, so that a later process knows that it has a task.
  yield progress.current()
  const completion = task.follow((event) => {
    progress.note(event)
    return forwardData(event, context)
  })
  const end = completion.then(progress.end, progress.end)
  yield* progress.reports()
  await end
  const { output, ...answer } = await completion
  const withOutput = hasOutput && output !== undefined && { output }
  return { ...progress.current(), ...answer, ...withOutput }
}

/** Writes the data parts of a task into the message of the call. The output of its agent is not one of them. */
function forwardData(
  event: AgentEvent,
  { toolCallId, write }: FollowedCall['context'],
): Promise<void> | undefined {
  if (!isData(event) || event.type === 'data-output') return undefined
  const { id, ...part } = event
  return write({ ...part, ...(id !== undefined && { id: `${toolCallId}/${id}` }) })
}

const isData = (event: AgentEvent): event is EventOf<`data-${string}`> =>
  event.type.startsWith('data-')
