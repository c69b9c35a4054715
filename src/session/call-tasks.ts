/** The tasks of the tool calls of one turn. */
import { type CallTask, ParkedCall, type TaskAnswer } from '../call-task.ts'
import { LoomError } from '../ground/error.ts'
import { type FoldedMessage, lastTextOf, outputIn } from '../message-fold.ts'
import type { AgentCall, SessionTasks } from '../runner/session-hooks.ts'
import { spendingIn } from '../spending.ts'
import type { Task } from '../store/task.ts'
import { taskKey } from '../store/task.ts'
import {
  closingQuestions,
  outcomeEvents,
  questionEvents,
  type TaskMessage,
} from './task-questions.ts'
import { publicId } from './tenant-ids.ts'
import type { TurnSpending } from './turn-spending.ts'
import type { TaskEnd, TaskOrigin, TurnTasks } from './turn-tasks.ts'
import { isGone, type RunningTurn } from './turn-world.ts'

export function callTasks(
  turn: RunningTurn,
  { open, spending }: { open: () => Promise<TurnTasks>; spending: TurnSpending },
  origin: Omit<TaskOrigin, 'toolCallId'>,
): SessionTasks {
  /** The tasks that wait for an answer. */
  const waiting: TaskMessage[] = []

  const follow = async (task: Task, call: AgentCall, sink: Parameters<CallTask['follow']>[0]) => {
    const tasks = await open()
    await tasks.answer(task, turn.fold.message)
    let end: TaskEnd
    try {
      end = await tasks.follow(task, { sink, signal: call.signal })
    } catch (error) {
      // A stop or a time limit. A turn that continues on another instance still needs its task.
      if (call.signal.aborted && !isGone(turn)) {
        tasks.stop(task.id, origin.tenant).catch(turn.world.report)
      }
      throw error
    }
    const { message } = end
    const about = { taskKey: taskKey(task.id) ?? '', agent: task.agent, message }
    await turn.emit(outcomeEvents(turn.fold.message, about))
    call.spend(spendingIn(message.metadata))
    if (end.state === 'waiting') {
      waiting.push(about)
      throw new ParkedCall()
    }
    if (end.state === 'failed') throw new LoomError('model-failed', end.error ?? '')
    if (end.state === 'stopped') throw new LoomError('aborted', 'The task was stopped.')
    return answerOf(message)
  }

  return {
    taskOf(call) {
      let task: Task | undefined
      return {
        async start(order) {
          turn.hasTasks = true
          const { toolCallId, toolName } = call
          const path = [...origin.path, toolName]
          const tasks = await open()
          // The budget of the tree counts the spending of this message.
          await spending.store()
          task = await tasks.start({ ...origin, toolCallId, path }, order, turn.fold.message)
          // A stop came meanwhile, and perhaps the end of the turn, which did not see this task.
          if (call.signal.aborted && !isGone(turn) && !order.background) {
            await tasks.stop(task.id, origin.tenant)
          }
          return publicId(origin.tenant, task.id)
        },
        async follow(sink) {
          if (task === undefined) throw new LoomError('internal', 'The task has not started.')
          return follow(task, call, sink)
        },
      }
    },
    questions: () => waiting.flatMap((about) => questionEvents(turn.fold.message, about)),
    closing: () => closingQuestions(turn.fold.message),
  }
}

function answerOf(message: FoldedMessage): TaskAnswer {
  const output = outputIn(message)
  const steps = message.metadata?.['steps']
  return {
    text: lastTextOf(message),
    ...(output !== undefined && { output }),
    ...(typeof steps === 'number' && { steps }),
    usage: spendingIn(message.metadata).usage,
  }
}
