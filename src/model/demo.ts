/**
 * The built-in model, which needs no key and no network. It is no language model: a few rules stream
 * words and call tools at the pace of one. The first run, the playground and offline tests use it. Its
 * answers say that it is a demo, and contain no invented facts.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import type { LanguageModelV4CallOptions } from '@ai-sdk/provider'

import { LoomError } from '../ground/error.ts'
import { type DirectModel, streamParts } from '../model.ts'
import { partsOf, pauseBefore } from './demo/parts.ts'
import { assist, echo } from './demo/reply.ts'
import { resumed } from './demo/request.ts'
import { Generated } from './openai-compatible/generated.ts'
import { partStream } from './openai-compatible/part-stream.ts'

/** `isPaced: false` sends everything as fast as the reader takes it. */
const variants = new Map([
  ['assistant', { reply: assist, isPaced: true }],
  ['echo', { reply: echo, isPaced: true }],
  ['fast', { reply: assist, isPaced: false }],
])

/** The ids of the demo models, without their provider. */
export const demoModelIds: readonly string[] = [...variants.keys()]

/**
 * The demo model of an id, with or without `demo/` before it: `assistant`, `echo` (repeats the last
 * user text) or `fast` (the assistant without pauses).
 * @throws LoomError `unknown-model` for any other id.
 */
export function demoModel(id: string): DirectModel {
  const modelId = id.replace(/^demo\//, '')
  const variant = variants.get(modelId)
  if (variant === undefined) {
    const known = demoModelIds.map((name) => `demo/${name}`).join(', ')
    const text = `There is no model "demo/${modelId}". The demo models are ${known}.`
    throw new LoomError('unknown-model', text)
  }
  const answer = (options: LanguageModelV4CallOptions) => {
    options.abortSignal?.throwIfAborted()
    return partsOf(options, resumed(options, variant.reply), modelId)
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
        const ms = variant.isPaced ? pauseBefore(part) : 0
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
      return generated.result({})
    },
    async doStream(options) {
      options.abortSignal?.throwIfAborted()
      const cancel = new AbortController()
      const abortSignal = AbortSignal.any([cancel.signal, options.abortSignal ?? cancel.signal])
      const { stream, receive, close, fail } = partStream(() => cancel.abort())
      model[streamParts]({ ...options, abortSignal }, receive).then(close, fail)
      return { stream }
    },
  }
  return model
}
