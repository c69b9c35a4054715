import { jsonValueOf } from '../../ground/json.ts'
/** Applies `body-forms.ts` to the providers' packages, which send their requests with Loom's `fetch`. */
import { type BodyAttempt, BodyForms } from '../body-forms.ts'
import { isRecord } from '../openai-compatible/json-record.ts'
import { wellFormedJson } from '../well-formed.ts'

/** Returns a `fetch` for the requests of one model. It repeats a refused request in another form. */
export function fetchWithBodyForms(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const forms = new BodyForms()
  return async (input, init) => {
    const text = init?.body
    if (typeof text !== 'string') return fetch(input, init)
    // A body is parsed only if an earlier one was refused, since it may be large.
    let attempt = forms.isEmpty ? undefined : attemptFor(text, forms)
    let json = attempt?.isChanged === true ? JSON.stringify(attempt.body) : text
    for (;;) {
      const response = await fetch(input, { ...init, body: wellFormedJson(json) })
      if (response.ok) attempt?.accept()
      if (response.status < 400) return response
      const refusal = await response.text()
      attempt ??= attemptFor(text, forms)
      if (attempt?.revise(response.status, refusal) !== true) return answerOf(response, refusal)
      json = JSON.stringify(attempt.body)
    }
  }
}

/** Returns undefined for a body that is not a JSON object. */
function attemptFor(text: string, forms: BodyForms): BodyAttempt | undefined {
  const body = jsonValueOf(text)
  return isRecord(body) && !Array.isArray(body) ? forms.attempt(body) : undefined
}

/** A copy of the response with the body that was read. */
function answerOf({ status, statusText, headers }: Response, text: string): Response {
  const decoded = new Headers(headers)
  // `fetch` has decoded the text already.
  for (const name of ['content-encoding', 'content-length']) decoded.delete(name)
  return new Response(text, { status, statusText, headers: decoded })
}
