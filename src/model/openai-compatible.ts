/**
 * A language model behind any chat-completions API. It sends and returns the same as
 * `@ai-sdk/openai-compatible`, for a tenth of the CPU time per token. The few intended differences are
 * listed in `test/openai-compatible-differential.test.ts` and `…-request.test.ts`.
 */
import { randomUUID } from 'node:crypto'

import { APICallError } from '@ai-sdk/provider'
import type {
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider'

import { bytesInSteps, isOnePiece } from '../ground/json/pieces.ts'
import { untilAborted } from '../ground/until-aborted.ts'
import { streamParts, takesFile } from '../model.ts'
import type { DirectModel, FileTaker, PartReceiver } from '../model.ts'
import { type BodyAttempt, BodyForms } from './body-forms.ts'
import { Generated } from './generated.ts'
import { directTransport } from './network.ts'
import { CallErrors } from './openai-compatible/call-errors.ts'
import { hasForm } from './openai-compatible/content-part.ts'
import { chatCompletionsUrl } from './openai-compatible/endpoint.ts'
import { requestBody } from './openai-compatible/request-body.ts'
import { ResponseReader } from './openai-compatible/response-reader.ts'
import { StreamDecoder } from './openai-compatible/stream-decoder.ts'
import { withTextOutputs } from './openai-compatible/text-outputs.ts'
import type { Transport, TransportRequest } from './openai-compatible/transport.ts'
import { partStream } from './part-stream.ts'
import { signOfLife } from './sign-of-life.ts'
import { wellFormedJson } from './well-formed.ts'

export interface OpenAICompatibleOptions {
  /** The name of the provider in messages, metadata and `providerOptions`. */
  provider: string
  modelId: string
  /** The API's root (`https://api.example.com/v1`) or the endpoint itself. */
  baseUrl: string
  /** Sent as a bearer token. */
  apiKey?: string | undefined
  /** Sent with every call. An `authorization` here replaces that of `apiKey`. */
  headers?: Record<string, string>
  /** Models with the same transport share its connections. @defaultValue a transport of its own */
  transport?: Transport
  /** Whether the API accepts a JSON schema for its answer. @defaultValue true */
  structuredOutputs?: boolean
  /** Whether tool results may hold files. If not, files become JSON. @defaultValue false */
  multiPartToolResults?: boolean
  /** The links that the API fetches itself. @defaultValue images */
  supportedUrls?: Record<string, RegExp[]>
}

/** @throws LoomError `invalid-config` if the base URL is not valid. */
export function openAICompatible(options: OpenAICompatibleOptions): DirectModel & FileTaker {
  const { provider, modelId, transport = directTransport() } = options
  const model: ChatModel = {
    provider,
    modelId,
    url: chatCompletionsUrl(options.baseUrl),
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream, application/json',
      // A compressed stream would be delayed by its compressor.
      'accept-encoding': 'identity',
      'user-agent': 'loom',
      ...(options.apiKey ? { authorization: `Bearer ${options.apiKey}` } : {}),
      ...lowerCased(options.headers),
    },
    transport,
    structuredOutputs: options.structuredOutputs ?? true,
    multiPartToolResults: options.multiPartToolResults ?? false,
    forms: new BodyForms(),
  }
  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    supportedUrls: options.supportedUrls ?? { 'image/*': [/^https?:\/\//] },
    [takesFile]: (file) => hasForm(file, provider),
    doGenerate: (call) => generate(model, call),
    doStream: (call) => stream(model, call),
    [streamParts]: async (call, receive) =>
      beginCall(model, await withTextOutputs(call), receive).done,
  }
}

interface ChatModel {
  provider: string
  modelId: string
  url: URL
  headers: Record<string, string>
  transport: Transport
  structuredOutputs: boolean
  multiPartToolResults: boolean
  /** The changes of the body form after refusals of earlier calls. */
  forms: BodyForms
}

/** A running call. */
interface ModelCall {
  attempt: BodyAttempt
  /** The answer to the last request of the call. A refused request may be repeated in another form. */
  answer: ResponseReader
  /** Settles after the receiver has taken the last part. */
  done: Promise<void>
}

function beginCall(
  model: ChatModel,
  call: LanguageModelV4CallOptions,
  receive: PartReceiver,
): ModelCall {
  const { body, warnings, metadataKey } = requestBody(call, model)
  const attempt = model.forms.attempt(body)
  const rest = new AbortController()
  const newReader = () => {
    const errors = new CallErrors(model.url, attempt.body)
    const decoder = new StreamDecoder({
      warnings,
      metadataKey,
      model: `${model.provider}/${model.modelId}`,
      errors,
      includeRawChunks: call.includeRawChunks === true,
      newId: () => `call_${randomUUID().replaceAll('-', '')}`,
    })
    return new ResponseReader({
      decoder,
      errors,
      receive: (parts) => {
        attempt.accept()
        return receive(parts)
      },
      leave: () => rest.abort(new Error('the answer is complete')),
      onSilentRead: signOfLife(call.abortSignal),
    })
  }
  const signal = call.abortSignal ? AbortSignal.any([call.abortSignal, rest.signal]) : rest.signal
  const exchanges = async () => {
    for (;;) {
      try {
        return await exchange(model, { ...call, signal }, modelCall)
      } catch (error) {
        if (!APICallError.isInstance(error) || !isRefused(error, attempt)) throw error
        modelCall.answer = newReader()
      }
    }
  }
  const modelCall: Omit<ModelCall, 'done'> = { attempt, answer: newReader() }
  return Object.assign(modelCall, { done: untilAborted(call.abortSignal, exchanges) })
}

/** Whether the model refused the form of the body, and another form is left to try. */
const isRefused = ({ statusCode = 0, responseBody = '' }: APICallError, attempt: BodyAttempt) =>
  attempt.revise(statusCode, responseBody)

async function exchange(
  { url, headers, transport }: ChatModel,
  {
    headers: callHeaders,
    abortSignal,
    signal,
  }: LanguageModelV4CallOptions & { signal: AbortSignal },
  { attempt, answer }: Omit<ModelCall, 'done'>,
): Promise<void> {
  const request = {
    url,
    headers: { ...headers, ...lowerCased(callHeaders) },
    body: await bodyText(attempt),
    signal,
  }
  try {
    await transport(request, answer)
  } catch (cause) {
    if (abortSignal?.aborted === true) throw cause
    return await answer.fail(cause)
  } finally {
    answer.close()
  }
  return answer.end()
}

/** Writes a body of many megabytes in steps, so that other requests can run between them. */
async function bodyText({ body }: BodyAttempt): Promise<TransportRequest['body']> {
  if (isOnePiece(body)) return wellFormedJson(JSON.stringify(body))
  return bytesInSteps(body, wellFormedJson)
}

/** Resolves with the first parts. A failure before them is a rejection. */
async function stream(
  model: ChatModel,
  call: LanguageModelV4CallOptions,
): Promise<LanguageModelV4StreamResult> {
  const { promise: start, resolve, reject } = Promise.withResolvers<void>()
  const parts = partStream(call.abortSignal)
  const textCall = await withTextOutputs(call)
  const modelCall = beginCall(model, { ...textCall, abortSignal: parts.signal }, (received) => {
    resolve()
    return parts.receive(received)
  })
  modelCall.done.then(parts.close, (reason: unknown) => {
    parts.fail(reason)
    reject(reason)
  })
  await start
  return {
    stream: parts.stream,
    request: { body: modelCall.attempt.body },
    response: { headers: modelCall.answer.responseHeaders },
  }
}

async function generate(
  model: ChatModel,
  call: LanguageModelV4CallOptions,
): Promise<LanguageModelV4GenerateResult> {
  const generated = new Generated()
  const modelCall = beginCall(model, await withTextOutputs(call), (parts) => {
    for (const part of parts) generated.add(part)
  })
  await modelCall.done
  const { attempt, answer } = modelCall
  return { ...generated.result(answer.responseHeaders), request: { body: attempt.body } }
}

/** HTTP header names have no case. An undefined value removes the header. */
function lowerCased(headers: Record<string, string | undefined> = {}): Record<string, string> {
  const result: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) result[name.toLowerCase()] = value
  }
  return result
}
