/**
 * Whether a failed model call may be the fault of a file in its prompt. No two providers say it in the
 * same way, and many only say "bad request"; so a refusal is taken for one of the files wherever it
 * can be, and the answer to the same question without them shows whether it was.
 */
import { APICallError } from '@ai-sdk/provider'

import type { LoomError } from '../ground/error.ts'
import { kindOf } from './refused-files.ts'

/** The provider read the request and does not take it as it is (RFC 9110 section 15.5). */
const refusals = new Set([400, 405, 406, 413, 415, 422, 501])
/** A key, a bill or a limit: not about what was asked. */
const aboutTheCaller = new Set([401, 402, 403, 429])

const fileWords =
  /image|vision|multi-?modal|audio|video|pdf|\bfiles?\b|document|attachment|media|base64|content (?:part|block|type)|content must be a string/i

/**
 * `yes`: the call was refused for what it holds, or names a file. `perhaps`: it failed in another way,
 * as a server does that breaks on a file. `no`: its files have nothing to do with it.
 */
export function isFileRefusal(failure: LoomError): 'yes' | 'perhaps' | 'no' {
  const { code, cause } = failure
  // Refused before anybody was asked: a context that is too long by our own count, a bad message.
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

/** The AI SDK's own errors of a prompt that an API has no form for. */
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

const never =
  /(?:not|n't|no \w+(?: \w+)?|only|un) ?support|support\w* (?:only|no\b)|(?:does|do|can) ?(?:not|n't) (?:accept|read|see|take|process|handle)|not (?:a )?multi-?modal|at most 0 |unknown variant|no endpoints found|mmproj/i
/** One image in a format or a size that is not taken says nothing of the next. */
const ofOne =
  /format|mime|media.?type|corrupt|invalid|too (?:large|big|many|small)|exceed|decode|image\/\w/i

/** The kinds of files that a refusal says this model never takes, as the registry names them. */
export function kindsNeverTaken(failure: LoomError, mediaTypes: readonly string[]): string[] {
  const words = wordsOf(failure)
  if (!never.test(words) || ofOne.test(words)) return []
  const asked = new Set(mediaTypes.map(kindOf))
  return kindWords.flatMap(([kind, pattern]) =>
    asked.has(kind) && pattern.test(words) ? [kind] : [],
  )
}
