/** Random files in random order, for a model that refuses any of them: each message gets an answer. */
import {
  APICallError,
  type LanguageModelV4,
  type LanguageModelV4CallOptions,
} from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'

import { createModels, defineAgent, Loom, openMemoryStore, sessionRoutes } from '../../src/index.ts'
import { says } from '../scripted-model.ts'

/**
 * The most requests of one turn: with all files, with those of the latest message, with none. A 413
 * may also come from the length of the text, and a shorter text is tried first.
 */
const requestsMax = (status: number) => (status === 413 ? 4 : 3)

interface Case {
  /** The names of the files of each message. */
  messages: string[][]
  refused: readonly string[]
  status: number
  /** The message before which another process continues the session. */
  restartAt: number
}

const names = ['a', 'b', 'c', 'd']
const cases: fc.Arbitrary<Case> = fc.record({
  messages: fc.array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 2 }), {
    minLength: 1,
    maxLength: 5,
  }),
  refused: fc.subarray(names),
  status: fc.constantFrom(400, 404, 413, 415, 422, 500),
  restartAt: fc.nat(5),
})

const contentOf = (name: string) =>
  Buffer.from(`\x89PNG\r\n\x1a\n${name}`, 'latin1').toString('base64')

/** A model that refuses every prompt with one of these files. */
function picky({ refused, status }: Case, prompts: string[]): LanguageModelV4 {
  return {
    specificationVersion: 'v4',
    provider: 'picky',
    modelId: 'm',
    supportedUrls: {},
    doGenerate: () => Promise.reject(new Error('only doStream is used')),
    async doStream({ prompt }: LanguageModelV4CallOptions) {
      const text = JSON.stringify(prompt)
      prompts.push(text)
      if (refused.some((name) => text.includes(contentOf(name)))) {
        throw new APICallError({
          message: 'The image cannot be processed',
          url: 'http://127.0.0.1/',
          requestBodyValues: {},
          statusCode: status,
          isRetryable: false,
        })
      }
      return { stream: ReadableStream.from(says('Fine.')) }
    },
  }
}

describe('a conversation with any files', () => {
  it('every message gets an answer in few requests', async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (given) => {
        const store = openMemoryStore()
        const prompts: string[] = []
        const open = () => {
          const agent = defineAgent({
            name: 'tester',
            systemPrompt: 'x',
            model: picky(given, prompts),
          })
          const loom = new Loom({
            agents: [agent],
            models: createModels({ environment: {} }),
            store,
          })
          return new Hono().route('/', sessionRoutes(loom))
        }
        let app = open()
        for (const [index, files] of [...given.messages, []].entries()) {
          if (index === given.restartAt) app = open()
          const before = prompts.length
          const parts = files.map((name) => ({
            type: 'file',
            mediaType: 'image/png',
            url: `data:image/png;base64,${contentOf(name)}`,
          }))
          const message = {
            id: `u${index}`,
            role: 'user',
            parts: [...parts, { type: 'text', text: `Question ${index}` }],
          }
          const response = await app.request('/chat', {
            method: 'POST',
            body: JSON.stringify({ id: 'c', message }),
            headers: { accept: 'application/json' },
          })
          const { text }: { text?: string } = JSON.parse(await response.text())
          expect(text).toBe('Fine.')
          expect(prompts.length - before).toBeLessThanOrEqual(requestsMax(given.status))
          // A message with only accepted files loses none of them because of an earlier refusal.
          if (files.some((name) => given.refused.includes(name))) continue
          for (const name of files) expect(prompts.at(-1)).toContain(contentOf(name))
        }
      }),
      { numRuns: 60 },
    )
  })
})
