/**
 * Converts the direct method of a model (`streamParts`, which passes parts to a callback) to a web
 * stream. The reader sets the pace of the network: if several parts wait, the model pauses until they
 * are read.
 */
import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'

import type { PartReceiver } from '../model.ts'

/** Parts are small, so a few of them keep both sides busy. */
const partsAhead = 32

export interface PartStream {
  stream: ReadableStream<LanguageModelV4StreamPart>
  receive: PartReceiver
  close: () => void
  fail: (reason: unknown) => void
  /** Aborts with the signal of the call, and when the reader cancels the stream. */
  signal: AbortSignal
}

export function partStream(callSignal?: AbortSignal): PartStream {
  const cancel = new AbortController()
  let controller: ReadableStreamDefaultController<LanguageModelV4StreamPart> | undefined
  let isOpen = true
  let resume: (() => void) | undefined
  const stream = new ReadableStream<LanguageModelV4StreamPart>(
    {
      start: (own) => void (controller = own),
      pull: () => resume?.(),
      cancel: () => {
        isOpen = false
        resume?.()
        cancel.abort()
      },
    },
    { highWaterMark: partsAhead },
  )
  return {
    stream,
    signal: AbortSignal.any([cancel.signal, ...(callSignal ? [callSignal] : [])]),
    receive: (parts) => {
      if (!isOpen) return undefined
      for (const part of parts) controller?.enqueue(part)
      if ((controller?.desiredSize ?? 1) > 0) return undefined
      return new Promise<void>((resolve) => {
        resume = resolve
      })
    },
    close: () => {
      if (isOpen) controller?.close()
      isOpen = false
    },
    fail: (reason) => {
      if (isOpen) controller?.error(reason)
      isOpen = false
    },
  }
}
