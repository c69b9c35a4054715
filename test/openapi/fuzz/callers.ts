/** Sends random requests for two principals, and judges each response by the document. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect } from 'vitest'

import { fieldsOf } from '../../../src/ground/fields.ts'
import { within } from '../../deadline.ts'
import type { Document } from '../document-form.ts'
import type { FuzzRequest, PathValue } from './requests.ts'

/** A text of a principal that the other one must never see. */
export const secrets = ['secret-of-ada-7c1f', 'secret-of-eve-93b2'] as const

export const keys = ['key-of-ada-0123456789', 'key-of-eve-0123456789'] as const

/** The time that a stream or a whole answer is read. It may wait for other turns, so its end may be late. */
const readMs = 400
/** The time in which any other response must come. */
const responseMs = 60_000

export interface Judgement {
  status: number
  /** The response was cut after the time for reading. */
  isCut: boolean
}

export class Callers {
  /** The number of responses with a text of their own principal. Without any, no leak could show. */
  ownTexts = 0
  readonly #urls: readonly string[]
  #sent = 0
  readonly #ids = new Map<string, string[]>()
  readonly #validate: (name: string, value: unknown) => string | undefined

  /** @param urls of the instances, which get the requests in turn */
  constructor(urls: readonly string[], { components }: Document) {
    this.#urls = urls
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    ajv.addSchema({ $id: 'loom', components })
    this.#validate = (reference, value) => {
      const validator = ajv.getSchema(`loom${reference}`)
      if (validator === undefined) return `there is no schema ${reference}`
      return validator(value) === true ? undefined : ajv.errorsText(validator.errors)
    }
    for (const name of ['id']) this.#ids.set(name, ['s0', 's1', 's2', 's3', 's4', 's5', 's6', 's7'])
    this.#ids.set('agent', ['tester'])
    this.#ids.set('messageId', ['m1', 'm2'])
    this.#ids.set('toolCallId', ['call-a', 'call-x', 'call-w'])
  }

  async send(request: FuzzRequest): Promise<Judgement> {
    const { route, principal, kind, query, body } = request
    const other = secrets[1 - principal] ?? ''
    const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      this.#pathText(nameIn(route.path, name), request.path[name]),
    )
    const search = new URLSearchParams(query).toString()
    const instance = this.#urls[this.#sent++ % this.#urls.length] ?? ''
    const url = `${instance}${path}${search === '' ? '' : `?${search}`}`
    const label = `${route.method} ${url.slice(0, 300)}`
    const controller = new AbortController()
    const sending = fetch(url, {
      method: route.method,
      headers: headersOf(request),
      signal: controller.signal,
      redirect: 'manual',
      ...(body !== undefined && { body: this.#bodyOf(request) }),
    })
    const cut = setTimeout(() => controller.abort(), mayWait(request) ? readMs : responseMs)
    let response: Response | undefined
    let text = ''
    let isCut = false
    try {
      response = await within(responseMs + 1000, `the response to ${label}`, sending)
      const decoder = new TextDecoder()
      for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    } catch (error) {
      isCut = true
      // A stream of plain text cannot report an error, so the server cuts the connection.
      const mayBreak = response?.headers.get('content-type')?.startsWith('text/plain') === true
      if (!mayWait(request) || !(mayBreak || controller.signal.aborted)) {
        throw new Error(`${label} failed: ${text.slice(0, 200)}`, { cause: error })
      }
    } finally {
      clearTimeout(cut)
    }
    if (text.includes(secrets[principal] ?? '')) this.ownTexts++
    if (text.includes(other)) throw new Error(`${label} shows a text of the other principal.`)
    if (response === undefined) return { status: 0, isCut }
    const { status, headers } = response
    expect(status === 503 || status < 500, `${label}: ${status} ${text.slice(0, 300)}`).toBe(true)
    if (kind !== 'hostile' && !isElsewhere(path)) {
      this.#judge(request, { label, status, type: headers.get('content-type'), text, isCut })
    }
    if (status < 300 && !isCut) this.#note(text)
    return { status, isCut }
  }

  #judge(
    { route }: FuzzRequest,
    said: { label: string; status: number; type: string | null; text: string; isCut: boolean },
  ): void {
    const { label, status, text } = said
    const described = route.operation.responses[String(status)]
    expect(
      described,
      `${label}: the document lacks the status ${status}: ${text.slice(0, 200)}`,
    ).toBeDefined()
    const type = said.type?.replace(/;.*$/, '') ?? ''
    const { content } = described ?? {}
    if (content === undefined) return expect(text, label).toBe('')
    expect(Object.keys(content), `${label}: ${status}`).toContain(type)
    if (type !== 'application/json' || said.isCut) return
    const { $ref } = fieldsOf(content[type]?.schema)
    if (typeof $ref !== 'string') return
    expect(
      this.#validate($ref, JSON.parse(text)),
      `${label}: ${text.slice(0, 500)}`,
    ).toBeUndefined()
  }

  /** The bodies of a principal contain its secret where they have a text. */
  #bodyOf({ route, body, principal, kind }: FuzzRequest): string {
    const secret = secrets[principal] ?? ''
    if (body === undefined) return ''
    if ('raw' in body) return body.raw
    const { json } = body
    const own = fieldsOf(json)
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
    const index = JSON.stringify(own).length
    const value =
      isObject && kind === 'valid'
        ? {
            ...own,
            ...('id' in own && index % 4 > 0 && { id: this.#pick('id', index) }),
            ...('messageId' in own &&
              index % 3 > 0 && { messageId: this.#pick('messageId', index) }),
            // In the routes of OpenAI's API, an agent is a model.
            ...(route.path.startsWith('/v1/') && index % 4 > 0 && { model: 'tester' }),
            ...('previous_response_id' in own &&
              index % 3 > 0 && { previous_response_id: this.#pick('responseId', index) }),
          }
        : json
    return JSON.stringify(value, (name, each: unknown) =>
      typeof each === 'string' &&
      (name === 'text' || name === 'message' || name === 'reason' || name === 'input')
        ? `${each} ${secret}`
        : each,
    )
  }

  #pick(name: string, index: number): string {
    const ids = this.#ids.get(name) ?? ['none']
    return ids[index % ids.length] ?? 'none'
  }

  #pathText(name: string, value: PathValue | undefined): string {
    if (value === undefined) return 'none'
    if (value.kind === 'seen') return encodeURIComponent(this.#pick(name, value.index))
    return encodeURIComponent(value.text.toWellFormed()) || 'none'
  }

  /** Keeps ids of responses, so that later requests of both principals name them. */
  #note(text: string): void {
    for (const [, name = '', id = ''] of text.matchAll(
      /"(messageId|toolCallId|approvalId)":"([^"]{1,80})"/g,
    )) {
      this.#add(name, id)
    }
    for (const [, id = ''] of text.matchAll(/"id":"(resp_[\w-]+)"/g)) this.#add('responseId', id)
    for (const [, id = ''] of text.matchAll(/"id":"([\w-]{1,40})"/g)) {
      this.#add('scheduleId', id)
      this.#add('messageId', id)
    }
  }

  #add(name: string, id: string): void {
    const ids = this.#ids.get(name) ?? []
    if (ids.includes(id)) return
    this.#ids.set(name, [...ids, id].slice(-60))
  }
}

/** The name of the ids that a parameter of a path takes. */
const nameIn = (path: string, name: string): string =>
  name === 'id' && path.startsWith('/v1/responses/') ? 'responseId' : name

/** Streams and whole answers wait for turns. */
const mayWait = ({ route }: FuzzRequest): boolean => {
  const content = route.operation.responses['200']?.content ?? {}
  return 'text/event-stream' in content
}

/** The client resolved steps in the path, so the request goes to another route. */
const isElsewhere = (path: string): boolean => /(^|\/)(\.|%2e){1,2}(\/|$)/i.test(path)

function headersOf({ principal, headers, body }: FuzzRequest): Record<string, string> {
  const printable = Object.entries(headers).map(([name, value]) => [
    name,
    // No client can send other characters.
    value.replaceAll(/[^\u0020-\u007e]/g, '?').trim(),
  ])
  return {
    authorization: `Bearer ${keys[principal]}`,
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...Object.fromEntries(printable),
  }
}
