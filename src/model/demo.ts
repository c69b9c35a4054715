/**
 * The embedded model: it needs no key and no network, and it is no language model, but a few rules
 * that stream words and call tools at a model's pace. It makes the first run, the playground and
 * offline tests real. It says what it is, and it never invents knowledge.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import { LoomError } from '../error.ts'
import { type DirectModel, type PartReceiver, streamParts } from '../model.ts'
import { type Beat, beatsOf, contentOf, type Utterance, utter } from './demo/parts.ts'
import { assist, echo, type Reply } from './demo/reply.ts'
import { resumed } from './demo/resume.ts'

interface Voice {
  reply: (options: LanguageModelV4CallOptions) => Reply
  /** False sends everything as fast as it is taken. */
  paced: boolean
}

const voices: ReadonlyMap<string, Voice> = new Map([
  ['assistant', { reply: assist, paced: true }],
  ['echo', { reply: echo, paced: true }],
  ['fast', { reply: assist, paced: false }],
])

/** The ids of the demo models, without their provider. */
export const demoModelIds: readonly string[] = [...voices.keys()]

/**
 * The demo model of an id: `assistant`, `echo` (says the last user text back) or `fast` (the assistant
 * without pauses), with or without `demo/` before it.
 * @throws LoomError `unknown-model` for any other id.
 */
export function demoModel(modelId: string): DirectModel {
  const id = modelId.replace(/^demo\//, '')
  const voice = voices.get(id)
  if (voice === undefined) {
    const known = demoModelIds.map((name) => `demo/${name}`).join(', ')
    throw new LoomError(
      'unknown-model',
      `There is no model "demo/${id}". The demo models are ${known}.`,
    )
  }
  return modelOf(id, voice)
}

function modelOf(modelId: string, { reply, paced }: Voice): DirectModel {
  const utterance = (options: LanguageModelV4CallOptions) => utter(resumed(options, reply), options)
  const beats = (options: LanguageModelV4CallOptions) => beatsOf(utterance(options), modelId)
  return {
    specificationVersion: 'v4',
    provider: 'demo',
    modelId,
    // Only the kind and the name of a file are read, so any URL will do and none is downloaded.
    supportedUrls: { '*/*': [/.*/] },
    [streamParts]: (options, receive) =>
      play(beats(options), receive, { paced, signal: options.abortSignal }),
    async doGenerate(options) {
      options.abortSignal?.throwIfAborted()
      return resultOf(utterance(options), modelId)
    },
    async doStream(options) {
      options.abortSignal?.throwIfAborted()
      return { stream: streamOf(beats(options), { paced, signal: options.abortSignal }) }
    },
  }
}

function resultOf(utterance: Utterance, modelId: string): LanguageModelV4GenerateResult {
  const { id, usage, finishReason } = utterance
  return {
    content: contentOf(utterance),
    finishReason,
    usage,
    warnings: [],
    response: { id: `demo-${id}`, modelId },
  }
}

interface Pace {
  paced: boolean
  signal: AbortSignal | undefined
}

async function play(beats: readonly Beat[], receive: PartReceiver, pace: Pace): Promise<void> {
  for (const beat of beats) {
    await waitFor(beat, pace)
    const taken = receive(beat.parts)
    if (taken !== undefined) await taken
  }
}

/** Ends at once, with the signal's own reason, when the signal is aborted. */
async function waitFor({ pause }: Beat, { paced, signal }: Pace): Promise<void> {
  signal?.throwIfAborted()
  if (!paced || pause === 0) return
  try {
    await sleep(pause, undefined, signal === undefined ? {} : { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}

/** The same door as a web stream: a beat is played when the reader asks for more. */
function streamOf(
  beats: readonly Beat[],
  { paced, signal }: Pace,
): ReadableStream<LanguageModelV4StreamPart> {
  const cancelled = new AbortController()
  const signals = signal === undefined ? [cancelled.signal] : [cancelled.signal, signal]
  const pace: Pace = { paced, signal: AbortSignal.any(signals) }
  let next = 0
  return new ReadableStream<LanguageModelV4StreamPart>({
    async pull(controller) {
      const beat = beats[next]
      if (beat === undefined) return controller.close()
      next += 1
      await waitFor(beat, pace)
      for (const part of beat.parts) controller.enqueue(part)
    },
    cancel: (reason) => cancelled.abort(reason),
  })
}
