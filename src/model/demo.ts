/**
 * The built-in model, which needs no key and no network. It is no language model: a few rules stream
 * words and call tools at the pace of one. The first run, the playground and offline tests use it. Its
 * answers say that it is a demo, and contain no invented facts.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { type DirectModel, streamParts } from '../model.ts'
import { partsOf } from './demo/parts.ts'
import { assist, echo, resumed } from './demo/reply.ts'
import { Generated } from './generated.ts'
import { partStream } from './part-stream.ts'

const replies = new Map(Object.entries({ assistant: assist, echo, fast: assist }))

/** The ids of the demo models, without their provider. */
export const demoModelIds: readonly string[] = [...replies.keys()]

/**
 * The demo model of an id, with or without `demo/` before it: `assistant`, `echo` (repeats the last
 * user text) or `fast` (the assistant without pauses).
 * @throws LoomError `unknown-model` for any other id.
 */
export function demoModel(id: string): DirectModel {
  const modelId = id.replace(/^demo\//, '')
  const reply = replies.get(modelId)
  if (reply === undefined) {
    const known = demoModelIds.map((name) => `demo/${name}`).join(', ')
    throw new LoomError(
      'unknown-model',
      `There is no model "demo/${modelId}". The demo models are ${known}.`,
    )
  }
  const answer = (options: LanguageModelV4CallOptions) => {
    options.abortSignal?.throwIfAborted()
    return partsOf(options, resumed(options, reply), modelId)
  }
  const model: DirectModel = {
    specificationVersion: 'v4',
    provider: 'demo',
    modelId,
    // The model reads only the type and the name of a file, so any URL will do and none is downloaded.
    supportedUrls: { '*/*': [/.*/] },
    async [streamParts](options, receive) {
      const { abortSignal: signal } = options
      for (const part of answer(options)) {
        const ms = modelId === 'fast' ? 0 : pauseBefore(part.type)
        // A pause fails only by the signal, whose own reason is thrown next.
        if (ms > 0) await sleep(ms, undefined, signal && { signal }).catch(() => undefined)
        signal?.throwIfAborted()
        const taken = receive([part])
        if (taken !== undefined) await taken
      }
    },
    async doGenerate(options) {
      const generated = new Generated()
      for (const part of answer(options)) generated.add(part)
      return generated.result()
    },
    async doStream(options) {
      options.abortSignal?.throwIfAborted()
      const { stream, receive, close, fail, signal } = partStream(options.abortSignal)
      model[streamParts]({ ...options, abortSignal: signal }, receive).then(close, fail)
      return { stream }
    },
  }
  return model
}

/** How long a language model would take for a part, in milliseconds. */
const pauseBefore = (type: string) =>
  type.endsWith('-delta') ? 32 : type === 'stream-start' ? 120 : 0
