/**
 * Reads a posted body as JSON that can be trusted to be JSON: bounded in size and depth, and without
 * the keys that pollute prototypes. What it means is checked by whoever asked for it. The content
 * type does not matter: `curl -d` and `WorkflowChatTransport` name another.
 */
import type { Context } from 'hono'

import { isFields } from '../src/conversation/fields.ts'
import { LoomError } from '../src/error.ts'

const bytesMax = 10 * 1024 * 1024
const depthMax = 100

/** @throws LoomError `invalid-request` or `payload-too-large` */
export async function readJson(c: Context): Promise<unknown> {
  const text = decode(await readBytes(c))
  if (text.trim() === '') throw invalid('The body is empty; send a JSON object.')
  // Before the parser: ten million brackets would become ten million arrays.
  if (isTooDeep(text)) throw invalid(`The body is nested more than ${depthMax} levels deep.`)
  const value = parse(text)
  refusePrototypeKeys(value)
  return value
}

async function readBytes(c: Context): Promise<Uint8Array> {
  const length = c.req.header('content-length')
  if (length !== undefined && Number(length) > bytesMax) throw tooLarge(c)
  try {
    // Node holds a client to the length it announced.
    if (length !== undefined) return new Uint8Array(await c.req.arrayBuffer())
    return await readBounded(c)
  } catch (error) {
    if (error instanceof LoomError) throw error
    throw new LoomError('aborted', 'The request ended before its body did.', { cause: error })
  }
}

async function readBounded(c: Context): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  const { body } = c.req.raw
  for await (const chunk of body ?? []) {
    size += chunk.byteLength
    if (size > bytesMax) throw tooLarge(c)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function tooLarge(c: Context): LoomError {
  // The rest of the body is not read, so the connection is of no more use.
  c.header('Connection', 'close')
  return new LoomError('payload-too-large', `The body is larger than ${bytesMax} bytes.`)
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw invalid('The body is not valid UTF-8.', cause)
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    // The parser's own message quotes the body.
    throw invalid('The body is not valid JSON.', cause)
  }
}

function isTooDeep(text: string): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (inString) {
      if (code === backslash) index++
      else if (code === quote) inString = false
    } else if (code === quote) inString = true
    else if (code === openBrace || code === openBracket) {
      depth++
      if (depth > depthMax) return true
    } else if (code === closeBrace || code === closeBracket) depth--
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const openBracket = 0x5b
const closeBracket = 0x5d
const openBrace = 0x7b
const closeBrace = 0x7d

function refusePrototypeKeys(value: unknown): void {
  const open = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (Array.isArray(next)) {
      for (const inner of next) if (typeof inner === 'object') open.push(inner)
    } else if (isFields(next)) {
      for (const [key, inner] of Object.entries(next)) {
        if (key === '__proto__' || (key === 'constructor' && namesPrototype(inner))) {
          throw invalid(`The body has a key named "${key}".`)
        }
        if (typeof inner === 'object') open.push(inner)
      }
    }
  }
}

function namesPrototype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype')
}

function invalid(message: string, cause?: unknown): LoomError {
  return new LoomError('invalid-request', message, { cause })
}
