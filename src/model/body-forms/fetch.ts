/** `body-forms.ts` for the providers' packages, which make their requests with a `fetch` of ours. */
import { BodyForms } from '../body-forms.ts'
import { isRecord, parseJson } from '../openai-compatible/json-record.ts'
import { wellFormedJson } from '../well-formed.ts'

/** A `fetch` for the requests of one model, which it makes again in another form where refused. */
export function fetchWithBodyForms(fetch: typeof globalThis.fetch): typeof globalThis.fetch {
  const forms = new BodyForms()
  return async (input, init) => {
    const text = typeof init?.body === 'string' ? init.body : ''
    const body = parseJson(text)
    if (!isRecord(body) || Array.isArray(body)) return fetch(input, init)
    const attempt = forms.attempt(body)
    for (;;) {
      const written = attempt.body === body ? text : JSON.stringify(attempt.body)
      const response = await fetch(input, { ...init, body: wellFormedJson(written) })
      if (response.ok) attempt.accept()
      if (response.status < 400) return response
      const refusal = await response.text()
      if (!attempt.revise(response.status, refusal)) return answerOf(response, refusal)
    }
  }
}

/** The response again, with the body that was read. */
function answerOf({ status, statusText, headers }: Response, text: string): Response {
  const decoded = new Headers(headers)
  // `fetch` has decoded the text.
  for (const name of ['content-encoding', 'content-length']) decoded.delete(name)
  return new Response(text, { status, statusText, headers: decoded })
}
