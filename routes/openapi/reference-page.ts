/** The OpenAPI document as one page of HTML, without scripts and without other files. */
import { createHash } from 'node:crypto'

import { fieldsOf } from '../../src/ground/fields.ts'
import type { JsonSchema } from './operation.ts'
import { referenceStyle } from './reference-style.ts'

/** The source of the style for a content security policy. */
export const styleHash = `sha256-${createHash('sha256').update(referenceStyle).digest('base64')}`

export function referencePage(document: JsonSchema): string {
  const info = fieldsOf(document['info'])
  const operations = operationsIn(document)
  const tags = [...new Set(operations.map(({ tag }) => tag))]
  const schemas = Object.entries(fieldsOf(fieldsOf(document['components'])['schemas']))
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${text(info['title'])}: HTTP API</title><style>${referenceStyle}</style></head><body>`,
    `<h1>${text(info['title'])} <span class="quiet">${text(info['version'])}</span></h1>`,
    `<p>${prose(info['description'])} <a href="openapi.json">openapi.json</a></p>`,
    ...tags.flatMap((tag) => [
      `<h2>${text(tag)}</h2>`,
      ...operations.filter((each) => each.tag === tag).map(operationHtml),
    ]),
    '<h2>Schemas</h2>',
    ...schemas.map(
      ([name, schema]) =>
        `<details id="${attribute(name)}"><summary><code>${text(name)}</code></summary>${schemaHtml(schema)}</details>`,
    ),
    '</body></html>',
  ].join('\n')
}

interface ShownOperation {
  method: string
  path: string
  tag: string
  operation: Readonly<Record<string, unknown>>
}

const operationsIn = (document: JsonSchema): ShownOperation[] =>
  Object.entries(fieldsOf(document['paths'])).flatMap(([path, methods]) =>
    Object.entries(fieldsOf(methods)).map(([method, value]) => {
      const operation = fieldsOf(value)
      const [tag] = listIn(operation['tags'])
      return { method, path, tag: String(tag), operation }
    }),
  )

function operationHtml({ method, path, operation }: ShownOperation): string {
  const parameters = listIn(operation['parameters']).map(fieldsOf)
  const body = fieldsOf(operation['requestBody'])
  return [
    `<details id="${attribute(operation['operationId'])}"><summary><b>${text(method.toUpperCase())}</b>`,
    `<code>${text(path)}</code> <span>${prose(operation['summary'])}</span></summary>`,
    parameters.length === 0 ? '' : `<h3>Parameters</h3>${table(parameters.map(parameterRow))}`,
    body['content'] === undefined
      ? ''
      : `<h3>Body</h3><p>${body['required'] === true ? '' : 'Optional. '}${contentHtml(body)}</p>`,
    `<h3>Responses</h3>${table(Object.entries(fieldsOf(operation['responses'])).map(responseRow))}`,
    '</details>',
  ].join('\n')
}

const parameterRow = (parameter: Readonly<Record<string, unknown>>): string[] => [
  `<code>${text(parameter['name'])}</code>`,
  text(parameter['in']),
  `${prose(parameter['description'])}<br><code>${text(JSON.stringify(parameter['schema']))}</code>`,
]

const responseRow = ([status, value]: [string, unknown]): string[] => {
  const response = fieldsOf(value)
  // The head of the page says in which forms errors come.
  if (Number(status) >= 400) {
    const form = fieldsOf(fieldsOf(response['content'])['application/json'])
    return [`<code>${text(status)}</code>`, prose(response['description']), linkTo(form)]
  }
  return [`<code>${text(status)}</code>`, prose(response['description']), contentHtml(response)]
}

const table = (rows: readonly (readonly string[])[]): string =>
  // HTML needs no end tags of cells and rows, and there are thousands.
  `<table>${rows.map((cells) => `<tr>${cells.map((cell) => `<td>${cell}`).join('')}`).join('')}</table>`

const contentHtml = (holder: Readonly<Record<string, unknown>>): string =>
  Object.entries(fieldsOf(holder['content']))
    .map(([type, form]) => {
      const link = linkTo(fieldsOf(form))
      return `<code>${text(type)}</code>${link === '' ? '' : ` ${link}`}`
    })
    .join('<br>')

/** The name of the schema of a body as a link. Empty for a schema without a name. */
function linkTo(form: Readonly<Record<string, unknown>>): string {
  const { $ref } = fieldsOf(form['schema'])
  if (typeof $ref !== 'string') return ''
  const name = $ref.slice($ref.lastIndexOf('/') + 1)
  return `<a href="#${attribute(name)}">${text(name)}</a>`
}

/** A schema as JSON, whose references are links. */
const schemaHtml = (schema: unknown): string =>
  `<pre>${text(JSON.stringify(schema, null, '\t')).replaceAll(
    /#\/components\/schemas\/(\w+)/g,
    '<a href="#$1">$1</a>',
  )}</pre>`

const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/** A text with code between backticks. */
const prose = (value: unknown): string => text(value).replaceAll(/`([^`]+)`/g, '<code>$1</code>')

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

const escaped = (value: unknown, pattern: RegExp): string =>
  String(value).replaceAll(pattern, (character) => escapes[character] ?? character)

/** Quotes stay as they are: the schemas have thousands. */
const text = (value: unknown): string => escaped(value, /[&<>]/g)

const attribute = (value: unknown): string => escaped(value, /[&<>"]/g)
