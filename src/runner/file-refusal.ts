/**
 * Whether a file in the prompt can be the reason of a failed model call. Each provider reports this in
 * its own way, and many only report "bad request". So a refusal counts as one of the files if that is
 * possible. The answer to the same prompt without the files shows whether it was.
 */
import { APICallError } from '@ai-sdk/provider'

import type { LoomError } from '../ground/error.ts'
import { kindOf } from './refusal-memory.ts'

/** The provider read the request and does not accept it (RFC 9110 section 15.5). */
const refusals = new Set([400, 405, 406, 413, 415, 422, 501])
/** A key, a bill or a limit: not about the content of the request. */
const aboutTheCaller = new Set([401, 402, 403, 429])

const fileWords =
  /image|vision|multi-?modal|audio|video|pdf|\bfiles?\b|document|attachment|media|base64|content (?:part|block|type)|content must be a string/i

/**
 * `yes`: the call was refused for its content, or the error names a file. `perhaps`: it failed in
 * another way, like a server that crashes on a file. `no`: the failure is not about files.
 */
export function isFileRefusal(failure: LoomError): 'yes' | 'perhaps' | 'no' {
  const { code, cause } = failure
  // Without a cause the call was refused here, before any request, by our own estimate of its length.
  if (code === 'context-overflow') return cause === undefined ? 'no' : 'yes'
  if (code === 'model-timeout') return 'perhaps'
  if (code !== 'model-failed') return 'no'
  const status = APICallError.isInstance(cause) ? cause.statusCode : undefined
  const names = fileWords.test(wordsOf(failure))
  if (status === undefined || status < 400) return names || isUnsupported(cause) ? 'yes' : 'perhaps'
  if (refusals.has(status) || (names && !aboutTheCaller.has(status))) return 'yes'
  if (status === 403 && names) return 'yes'
  return aboutTheCaller.has(status) ? 'no' : 'perhaps'
}

/** The AI SDK's own errors for a prompt that an API has no form for. */
const isUnsupported = (cause: unknown) =>
  cause instanceof Error &&
  /^AI_(?:UnsupportedFunctionality|InvalidPrompt|NoSuchProviderReference|InvalidDataContent|Download|InvalidArgument)/.test(
    cause.name,
  )

const wordsOf = ({ message, cause }: LoomError): string =>
  APICallError.isInstance(cause) ? `${message} ${cause.responseBody ?? ''}` : message

const kindWords: readonly [kind: string, words: RegExp][] = [
  ['image', /image|vision|multi-?modal/i],
  ['audio', /audio/i],
  ['video', /video/i],
  ['pdf', /pdf/i],
]

const neverWords =
  /(?:not|n't|no \w+(?: \w+)?|only|un) ?support|support\w* (?:only|no\b)|(?:does|do|can) ?(?:not|n't) (?:accept|read|see|take|process|handle)|not (?:a )?multi-?modal|at most 0 |unknown variant|no endpoints found|mmproj/i
/** An image with an unsupported format or size. The next image may be accepted. */
const oneFileWords =
  /format|mime|media.?type|corrupt|invalid|too (?:large|big|many|small)|exceed|decode|image\/\w/i

/** The kinds of files that this model never accepts, by the text of a refusal. Names as in the registry. */
export function kindsNeverTaken(failure: LoomError, mediaTypes: readonly string[]): string[] {
  const words = wordsOf(failure)
  if (!neverWords.test(words) || oneFileWords.test(words)) return []
  const kinds = new Set(mediaTypes.map(kindOf))
  return kindWords.flatMap(([kind, pattern]) =>
    kinds.has(kind) && pattern.test(words) ? [kind] : [],
  )
}
