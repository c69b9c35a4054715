/**
 * A model that depends on its prompt alone: it reads pages on request, sends the code word if its
 * prompt contains it, and summarises like a good model. It records every prompt.
 */
import type { LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { z } from 'zod'

import type { NamedTool } from '../../src/tool.ts'
import { calls, says } from '../scripted-model.ts'

export interface RememberingModel extends LanguageModelV4 {
  /** The length of each prompt as JSON. */
  readonly lengths: number[]
  summaries: number
}

export interface Remembering {
  /** Awaited before each summary. */
  beforeSummary?: (signal: AbortSignal | undefined) => Promise<void>
}

const codeWord = /The code word is \w+\./

export function rememberingModel({ beforeSummary }: Remembering = {}): RememberingModel {
  const lengths: number[] = []
  const model: RememberingModel = {
    specificationVersion: 'v4',
    provider: 'test',
    modelId: 'remembering',
    supportedUrls: {},
    lengths,
    summaries: 0,
    doGenerate: () => Promise.reject(new Error('only doStream is there')),
    async doStream(options) {
      const prompt = JSON.stringify(options.prompt)
      lengths.push(prompt.length)
      if (!prompt.includes('You keep the memory')) {
        return { stream: ReadableStream.from(replyTo(options, prompt)) }
      }
      model.summaries++
      await beforeSummary?.(options.abortSignal)
      const facts = codeWord.exec(prompt)?.[0] ?? 'none'
      return { stream: ReadableStream.from(says(`## Facts\n${facts}`)) }
    },
  }
  return model
}

function replyTo({ prompt: messages }: LanguageModelV4CallOptions, prompt: string) {
  const last = messages.at(-1)
  if (last?.role === 'tool') return says('That was long.')
  const text = JSON.stringify(last?.content)
  const number = /Read page (\d+)/.exec(text)?.[1]
  if (number !== undefined) return calls(['read', { page: Number(number) }, `call-${number}`])
  if (text.includes('What is the code word?')) return says(codeWord.exec(prompt)?.[0] ?? 'Unknown.')
  return says('Noted.')
}

/** 100 KB for each page: some of words, some of one character. */
export const readTool: NamedTool = {
  name: 'read',
  description: 'Reads a page.',
  inputSchema: z.object({ page: z.number() }),
  execute: ({ page }) => pageOf(page),
}

export const pageOf = (page: number): string =>
  page % 2 === 0
    ? `${page} `.padEnd(100_000, 'a')
    : `page ${page} `.repeat(20_000).slice(0, 100_000)
