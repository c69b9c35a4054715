/** `body-forms.ts` for the providers' packages, which make their requests with a `fetch` of ours. */
import { type BodyAttempt, BodyForms } from '../body-forms.ts'
import { isRecord, parseJson } from '../openai-compatible/json-record.ts'
import { wellFormedJson } from '../well-formed.ts'

/** A `fetch` for the requests of one model, which it makes again in another form where refused. */
export function fetchWithBodyForms(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const forms = new BodyForms()
  return async (input, init) => {
    const text = init?.body
    if (typeof text !== 'string') return fetch(input, init)
    // A body is parsed only if an earlier one was refused, since it may be large.
    let attempt = forms.isEmpty ? undefined : attemptFor(text, forms)
    let written = attempt?.isChanged === true ? JSON.stringify(attempt.body) : text
    for (;;) {
      const response = await fetch(input, { ...init, body: wellFormedJson(written) })
      if (response.ok) attempt?.accept()
      if (response.status < 400) return response
      const refusal = await response.text()
      attempt ??= attemptFor(text, forms)
      if (attempt?.revise(response.status, refusal) !== true) return answerOf(response, refusal)
      written = JSON.stringify(attempt.body)
    }
  }
}

/** Undefined for a body that is no JSON object. */
function attemptFor(text: string, forms: BodyForms): BodyAttempt | undefined {
  const body = parseJson(text)
  return isRecord(body) && !Array.isArray(body) ? forms.attempt(body) : undefined
}

/** The response again, with the body that was read. */
function answerOf({ status, statusText, headers }: Response, text: string): Response {
  const decoded = new Headers(headers)
  // `fetch` has decoded the text.
  for (const name of ['content-encoding', 'content-length']) decoded.delete(name)
  return new Response(text, { status, statusText, headers: decoded })
}
