/** Runs the agent of a turn on the history of the session. The result is the next state of the session. */
import type { ModelMessage, UIMessage } from 'ai'

import type { AgentEvent } from '../event.ts'
import { errorMessage, LoomError } from '../ground/error.ts'
import type { RunOptions } from '../run-options.ts'
import { run } from '../runner.ts'
import type { Origins } from '../runner/compaction/origins.ts'
import type { Resume, SessionHooks } from '../runner/session-hooks.ts'
import { spentOn } from '../spending.ts'
import { mergedContext } from '../store/context.ts'
import type { LetterRequest } from '../store/letter.ts'
import type { SessionRecord } from '../store/session.ts'
import type { Summary } from '../store/summary.ts'
import { isTaskId, rootOf, type Task } from '../store/task.ts'
import { type Commit, isFloorAtLeast } from '../store/turn.ts'
import { modelMessagesOf } from '../wire/conversation.ts'
import { callTasks } from './call-tasks.ts'
import { chosenModelIn } from './chosen-model.ts'
import { contextMessages } from './context-messages.ts'
import { closingEvents, openProviderCalls } from './open-calls.ts'
import { callSchedules } from './schedules-of-call.ts'
import { agentOfTask } from './task-agent.ts'
import { attemptOf } from './task-letters.ts'
import { publicId } from './tenant-ids.ts'
import { treeBudgetOf, TurnSpending } from './turn-spending.ts'
import { isGone, type RunningTurn } from './turn-world.ts'

export interface AgentRun {
  resume: Resume
  /** The message so far. Undefined if it has no parts. */
  partial: UIMessage | undefined
}

export interface AgentRunEnd {
  state: Commit['state']
  /** Why the turn failed. */
  error?: string
}

/** @throws the abort of a turn that ends early */
export async function runAgent(
  turn: RunningTurn,
  { resume, partial }: AgentRun,
): Promise<AgentRunEnd> {
  const { claim, world, signal, sink } = turn
  const { request } = claim.letter
  const first = world.agentOf(request.agent)
  if (first === undefined) return fail(turn, missing(), resume)
  try {
    const [sessionContext, session, task] = await Promise.all([
      world.store.context(claim.sessionId),
      world.store.session(claim.sessionId),
      isTaskId(claim.sessionId) ? taskOf(turn) : undefined,
    ])
    // In a letter of an earlier version, only the request has the context.
    const stored = sessionContext.context ?? request.context
    const context = mergedContext(stored ?? {})
    const path = task?.path ?? []
    const agent = await agentOfTask(first, path, context)
    if (agent === undefined) return await fail(turn, missing(), resume)
    const { messages, origins } = await contextMessages(sessionContext, partial, { agent, context })
    const spending = new TurnSpending(turn, session)
    const { models, defaultModel, limits, clock } = world
    const { model = chosenModelIn(turn.fold.message.metadata) } = request
    const result = await run(agent, messages, {
      models,
      defaultModel,
      limits,
      clock,
      context,
      principal: session?.tenant ?? '',
      signal,
      sink,
      messageId: claim.logId,
      ...(task !== undefined && (await belowRoot(turn, { task, session }))),
      ...(model !== undefined && { model }),
      ...(request.asked !== undefined && { asked: request.asked }),
      approvals: request.approvals ?? true,
      clientTools: request.clientTools ?? true,
      session: {
        ...hooksOf(turn, { resume, origins, session }),
        ...(task !== undefined && {
          tree: {
            parent: publicId(session?.tenant ?? '', task.parent),
            root: publicId(session?.tenant ?? '', rootOf(task.id)),
          },
        }),
        tasks: callTasks(
          turn,
          { open: world.tasks, spending },
          {
            sessionId: claim.sessionId,
            tenant: session?.tenant ?? '',
            messageId: claim.logId,
            path,
            // The client asked for settings of this answer, not for those of a sub-agent. A task lives as its parent.
            request: {
              ...withoutClientPart(request),
              ...(stored !== undefined && { context: stored }),
            },
            context: stored,
          },
        ),
        spent: () => world.store.spentBeside(claim.sessionId),
        noteSpending: spending.note,
        ...(task !== undefined && (await treeBudgetOf(first, context))),
      },
    })
    return { state: result.outcome === 'waiting' ? 'waiting' : 'idle' }
  } catch (error) {
    if (isGone(turn) || (turn.endReason !== undefined && isReported(error))) throw error
    return fail(turn, error, resume)
  }
}

const withoutClientPart = ({
  asked: _asked,
  temporary: _temporary,
  ...request
}: LetterRequest): LetterRequest => request

const missing = () =>
  new LoomError('unknown-agent', 'The agent of this turn is not on this server.')

/** @throws LoomError `gone` if the task was deleted */
async function taskOf(turn: RunningTurn): Promise<Task> {
  const { claim, world } = turn
  const { sessionId, logId } = claim
  const entry = await (await world.tasks()).entryOf(sessionId)
  if (entry === undefined) throw new LoomError('gone', 'This task was deleted.')
  const { task, state } = entry
  if (state !== 'ended' || attemptOf(task, logId) === undefined) return task
  // It was stopped before its turn began, or the stop did not reach an owner that died.
  const { tenant = '' } = (await world.store.session(sessionId)) ?? {}
  await world.store.requestStop(sessionId, { tenant, logId })
  turn.end('stop')
  return task
}

/** Tools of a task work for the message of the root, which clients see. */
async function belowRoot(
  { world }: RunningTurn,
  { task, session }: { task: Task; session: SessionRecord | undefined },
): Promise<Pick<RunOptions, 'rootMessage' | 'depth'>> {
  const tasks = await world.tasks()
  let first = task
  for (;;) {
    const above = await tasks.taskOf(first.parent)
    if (above === undefined) break
    first = above
  }
  const sessionId = publicId(session?.tenant ?? '', first.parent)
  return {
    rootMessage: { sessionId, messageId: first.messageId, callPath: '' },
    depth: task.path.length,
  }
}

interface TurnOf {
  resume: Resume
  origins: Origins
  /** Undefined if the session was deleted a moment ago. */
  session: SessionRecord | undefined
}

function hooksOf(
  turn: RunningTurn,
  { resume, origins, session }: TurnOf,
): Omit<SessionHooks, 'spent' | 'noteSpending'> {
  const { claim, world } = turn
  const owner = {
    sessionId: claim.sessionId,
    tenant: session?.tenant ?? '',
    agent: claim.letter.request.agent,
  }
  return {
    id: claim.sessionId,
    publicId: publicId(session?.tenant ?? '', claim.sessionId),
    resume: {
      ...resume,
      providerCalls: openProviderCalls(turn.fold.message),
      spent: spentOn(turn.fold.message.metadata),
    },
    summaries: {
      origins,
      breaker: world.breakers.for(claim.sessionId),
      save: (summary) => saveSummary(turn, summary),
    },
    beforeStart: () => world.mayStart(claim),
    record: turn.record,
    // A task has ended when a reminder would come.
    ...(world.schedules !== undefined &&
      !isTaskId(claim.sessionId) && { schedules: callSchedules(world.schedules, owner) }),
    moreMessages: () => steeredMessages(turn),
    async mayReset() {
      const session = await world.store.session(claim.sessionId).catch(() => undefined)
      return isFloorAtLeast(session?.turn?.floor, 'v7')
    },
  }
}

/** A failure here is not an error of the turn: a later step makes the summary again. */
async function saveSummary(turn: RunningTurn, summary: Summary): Promise<void> {
  const { store, report } = turn.world
  const { sessionId, claim } = turn.claim
  try {
    const saved = await store.saveSummary({ sessionId, claim }, summary)
    if (saved === 'lost') turn.end('lost')
  } catch (error) {
    report(error)
  }
}

/** Takes the messages that steer this turn, for its next step. */
async function steeredMessages(turn: RunningTurn): Promise<ModelMessage[]> {
  // The reply to the last append reports every letter that came before it.
  await turn.flush()
  if (!turn.takeSteer()) return []
  const { sessionId, claim } = turn.claim
  const letters = await turn.world.store.takeSteered({ sessionId, claim })
  if (letters === 'lost') {
    turn.end('lost')
    return []
  }
  return modelMessagesOf(letters.flatMap(({ message }) => message ?? []))
}

/** Whether the log has the failure already. After its first event, `run` emits its failures itself. */
const isReported = (error: unknown) => error instanceof LoomError && error.result !== undefined

async function fail(turn: RunningTurn, error: unknown, resume: Resume): Promise<AgentRunEnd> {
  const { claim, world, emit, endReason } = turn
  // Other errors may contain paths, queries or keys: only the error log gets them.
  const errorText =
    error instanceof LoomError
      ? world.models.redact(errorMessage(error))
      : 'Something went wrong in the server.'
  const code = error instanceof LoomError ? error.code : 'internal'
  if (!isReported(error)) {
    if (resume.started !== true) await emit([{ type: 'start', messageId: claim.logId }])
    await emit(endEvents(turn, resume.stepOpen === true))
    await emit(
      endReason === undefined
        ? [
            { type: 'error', errorText, code },
            { type: 'finish', finishReason: 'error', messageMetadata: { outcome: 'error' } },
          ]
        : [
            { type: 'abort' },
            { type: 'finish', finishReason: 'other', messageMetadata: { outcome: 'aborted' } },
          ],
    )
  }
  // The deletion of a task while its turn begins is no failure.
  if (!(error instanceof LoomError && error.code === 'gone')) world.report(error)
  return endReason === undefined ? { state: 'idle', error: errorText } : { state: 'idle' }
}

/** Settles the calls that an approval or a takeover left open: a finished message has no open calls. */
function endEvents({ fold: { message }, endReason }: RunningTurn, stepOpen: boolean): AgentEvent[] {
  const text = endReason === undefined ? 'Not run: the turn failed.' : 'Aborted before it was done.'
  const events = closingEvents(message, { output: text, decision: text, execution: text })
  return stepOpen ? [...events, { type: 'finish-step' }] : events
}
