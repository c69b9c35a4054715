/** The form in which a route is described for the OpenAPI document. */
import type { LoomErrorCode } from '../../src/ground/error.ts'

/** A schema by the name that `schemas.ts` gives it, or a JSON schema of its own. */
export type SchemaOf = string | JsonSchema

export type JsonSchema = Readonly<Record<string, unknown>>

export interface Parameter {
  in: 'path' | 'query' | 'header'
  name: string
  description: string
  schema: JsonSchema
}

export interface Answer {
  description: string
  /** The forms of the body by content type. Absent without a body. */
  content?: Readonly<Record<string, SchemaOf>>
  /** The headers that clients read, with their meanings. */
  headers?: Readonly<Record<string, string>>
}

/** One route: a method and a path. */
export interface Operation {
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** The path as Hono has it: `/api/chat/:id`. */
  path: string
  /** A unique name in camel case, for generated clients. */
  id: string
  summary: string
  tag: string
  parameters?: readonly Parameter[]
  body?: {
    schema: SchemaOf
    /** True if a request without a body is accepted. */
    isOptional?: boolean
  }
  answers: Readonly<Record<number, Answer>>
  /** The codes of the errors that belong to this route. Those that every route may have are added. */
  errors?: readonly LoomErrorCode[]
  /** The right that the credential needs. @defaultValue the scope in the table of routes */
  right?: string
  /** The form of its errors, which are JSON only. @defaultValue Loom's own form, or a text */
  errorSchema?: string
}

/** An answer of one JSON form. */
export const json = (description: string, schema: SchemaOf): Answer => ({
  description,
  content: { 'application/json': schema },
})
