/**
 * The built-in model, which needs no key and no network. It is no language model: a few rules stream
 * words and call tools at the pace of one. The first run, the playground and offline tests use it. It
 * says that it is a demo, and it never invents knowledge.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { LanguageModelV4CallOptions, LanguageModelV4StreamPart } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { type DirectModel, streamParts } from '../model.ts'
import { assist, echo } from './demo/reply.ts'
import { resumed } from './demo/resume.ts'
import { type Beat, beatsOf, resultOf } from './demo/utterance.ts'

/** `paced: false` sends everything as fast as the reader takes it. */
const voices = new Map([
  ['assistant', { reply: assist, paced: true }],
  ['echo', { reply: echo, paced: true }],
  ['fast', { reply: assist, paced: false }],
])

/** The ids of the demo models, without their provider. */
export const demoModelIds: readonly string[] = [...voices.keys()]

/**
 * The demo model of an id, with or without `demo/` before it: `assistant`, `echo` (repeats the last
 * user text) or `fast` (the assistant without pauses).
 * @throws LoomError `unknown-model` for any other id.
 */
export function demoModel(id: string): DirectModel {
  const modelId = id.replace(/^demo\//, '')
  const voice = voices.get(modelId)
  if (voice === undefined) {
    const known = demoModelIds.map((name) => `demo/${name}`).join(', ')
    const text = `There is no model "demo/${modelId}". The demo models are ${known}.`
    throw new LoomError('unknown-model', text)
  }
  const result = (options: LanguageModelV4CallOptions) =>
    resultOf(options, resumed(options, voice.reply), modelId)
  return {
    specificationVersion: 'v4',
    provider: 'demo',
    modelId,
    // Only the kind and the name of a file are read, so any URL will do and none is downloaded.
    supportedUrls: { '*/*': [/.*/] },
    async [streamParts](options, receive) {
      for (const beat of beatsOf(result(options))) {
        await pauseBefore(beat, voice, options.abortSignal)
        const taken = receive(beat.parts)
        if (taken !== undefined) await taken
      }
    },
    async doGenerate(options) {
      options.abortSignal?.throwIfAborted()
      return result(options)
    },
    async doStream(options) {
      options.abortSignal?.throwIfAborted()
      return { stream: streamOf(beatsOf(result(options)), voice, options.abortSignal) }
    },
  }
}

interface Pace {
  paced: boolean
}

/** @throws the reason of the signal, at once, when the signal is aborted. */
async function pauseBefore({ pause }: Beat, { paced }: Pace, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  if (!paced || pause === 0) return
  await sleep(pause, undefined, signal && { signal }).catch((error: unknown) => {
    signal?.throwIfAborted()
    throw error
  })
}

/** The same parts as a web stream: a beat is sent when the reader asks for more. */
function streamOf(beats: readonly Beat[], pace: Pace, signal?: AbortSignal) {
  const cancelled = new AbortController()
  const ended = AbortSignal.any([cancelled.signal, ...(signal === undefined ? [] : [signal])])
  const rest = beats.values()
  return new ReadableStream<LanguageModelV4StreamPart>({
    async pull(controller) {
      const { value: beat } = rest.next()
      if (beat === undefined) return controller.close()
      await pauseBefore(beat, pace, ended)
      for (const part of beat.parts) controller.enqueue(part)
    },
    cancel: (reason) => cancelled.abort(reason),
  })
}
