/** The model and the tools of a replayed session: they say what the recording says. */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { toJson } from '../ground/json.ts'
import type { BeforeToolDecision, BeforeToolInfo } from '../tool-hooks.ts'
import type { RecordedCall, RecordedStep, RecordedTurn } from './recorded-turn.ts'
import { type ScriptedModel, scriptedModel, type ScriptedStep } from './scripted-model.ts'
import type { ScriptedReply } from './scripted-reply.ts'

export interface ReplayScript {
  model: ScriptedModel
  /** Gives a call its recorded outcome. It is the `beforeTool` of the agent. */
  beforeTool: (info: BeforeToolInfo) => Promise<BeforeToolDecision>
  /** The recorded call with this id. */
  callOf: (toolCallId: string) => RecordedCall | undefined
  /** Whether the server began to run the call. */
  hasRun: (toolCallId: string) => boolean
  /** The number of calls that wait for a stop of their turn. */
  heldCalls: () => number
}

/** Callbacks of a replay at the places where the user of the recorded session did something. */
export interface ReplayMoments {
  /** Runs before a model call is answered. */
  onModelCall: () => Promise<void>
  /** Runs when a call begins that was stopped in the recording. */
  onHeldCall: () => void
}

/** The error of a call whose turn was stopped before the call began (`runner/call-settler.ts`). */
const stoppedBefore = 'Aborted before it was done.'

export function replayScript(turns: readonly RecordedTurn[], moments: ReplayMoments): ReplayScript {
  const calls = new Map<string, RecordedCall>()
  const started = new Set<string>()
  const ofStoppedTurns = new Set<string>()
  let held = 0
  const steps = turns.flatMap((turn) =>
    turn.steps.map((step, index): ScriptedStep => {
      const isLast = index === turn.steps.length - 1
      const nextId = (call: RecordedCall) => {
        const id = `call-${calls.size + 1}`
        calls.set(id, call)
        if (turn.outcome === 'aborted') ofStoppedTurns.add(id)
        return id
      }
      const reply = replyOf(stepOf(step), { nextId, outcome: isLast ? turn.outcome : undefined })
      return () => moments.onModelCall().then(() => reply)
    }),
  )
  return {
    // The files of a recording are placeholders. The replay must not download them.
    model: Object.assign(scriptedModel(steps), { supportedUrls: { '*/*': [/./] } }),
    async beforeTool({ toolCallId, toolName, signal }) {
      started.add(toolCallId)
      const call = calls.get(toolCallId)
      if (call?.stopped === true) {
        held++
        moments.onHeldCall()
        return untilAborted(signal).finally(() => held--)
      }
      if (call?.error !== undefined) return { refuse: call.error }
      if (call !== undefined && 'output' in call) return { output: call.output }
      // The stop came while the reply was written. A replay stops the turn only after the reply.
      if (ofStoppedTurns.has(toolCallId)) return { refuse: stoppedBefore }
      return { refuse: `The recording has no outcome of a tool for this call of ${toolName}.` }
    },
    callOf: (toolCallId) => calls.get(toolCallId),
    hasRun: (toolCallId) => started.has(toolCallId),
    heldCalls: () => held,
  }
}

export const stepOf = (step: string | RecordedStep): RecordedStep =>
  typeof step === 'string' ? { text: step } : step

interface ReplyOptions {
  nextId: (call: RecordedCall) => string
  /** The end of the answer, if this is its last step. */
  outcome: RecordedTurn['outcome']
}

function replyOf(step: RecordedStep, { nextId, outcome }: ReplyOptions): ScriptedReply {
  const { reasoning, text, toolCalls = [], breaksOff } = step
  const ids = toolCalls.map((call) => ({ ...call, toolCallId: nextId(call) }))
  const parts = ids.filter(({ providerExecuted }) => providerExecuted === true).flatMap(provided)
  // A call that was stopped is held by `beforeTool`; a reply without one is stopped while it is written.
  const hangs = outcome === 'aborted' && !toolCalls.some(({ stopped }) => stopped === true)
  return {
    ...(reasoning !== undefined && { reasoning }),
    ...(text !== undefined && { text }),
    toolCalls: ids
      .filter(({ providerExecuted }) => providerExecuted !== true)
      .map((call) => {
        const { toolName, toolCallId } = call
        return { toolName, toolCallId, input: sentInput(call) }
      }),
    ...(parts.length > 0 && { parts }),
    ...(hangs && { hangs }),
    ...(breaksOff === true && { error: { message: 'The recorded reply broke off.' } }),
    ...(outcome === 'error' && { error: { status: 400, message: 'The recorded model failed.' } }),
  }
}

/**
 * The input as a scripted model sends it, which sends a string as it is. Only the input of a refused call may be
 * malformed JSON. For any other call, a string is a value: the input of a tool whose schema is a string.
 */
const sentInput = ({ input, refused }: RecordedCall): unknown =>
  typeof input === 'string' && input !== '' && refused !== true ? JSON.stringify(input) : input

/** The parts of a call that the provider runs. */
function provided(call: RecordedCall & { toolCallId: string }): LanguageModelV4StreamPart[] {
  const { toolCallId, toolName, input, error } = call
  return [
    {
      type: 'tool-call',
      toolCallId,
      toolName,
      input: typeof input === 'string' ? input : JSON.stringify(input),
      providerExecuted: true,
    },
    {
      type: 'tool-result',
      toolCallId,
      toolName,
      // The type of a result excludes null.
      result: toJson(error ?? call.output ?? '') ?? '',
      ...(error !== undefined && { isError: true }),
    },
  ]
}

/** @throws the reason of the signal */
async function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve(), { once: true })
  if (!signal.aborted) await promise
  throw signal.reason
}
