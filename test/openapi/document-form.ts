/** The parts of the OpenAPI document that the tests read. */
import { z } from 'zod'

export const methods = ['get', 'post', 'put', 'patch', 'delete'] as const

const schema = z.record(z.string(), z.unknown())

const content = z.record(z.string(), z.object({ schema }))

const operation = z.object({
  operationId: z.string(),
  summary: z.string(),
  parameters: z
    .array(
      z.object({
        in: z.enum(['path', 'query', 'header']),
        name: z.string(),
        required: z.boolean().optional(),
        schema,
      }),
    )
    .default([]),
  requestBody: z.object({ required: z.boolean(), content }).optional(),
  responses: z.record(
    z.string(),
    z.object({ description: z.string(), content: content.optional() }),
  ),
  security: z.array(z.record(z.string(), z.array(z.string()))).optional(),
})

export const documentForm = z.object({
  openapi: z.string(),
  info: z.object({ version: z.string() }),
  paths: z.record(z.string(), z.partialRecord(z.enum(methods), operation)),
  components: z.object({
    schemas: z.record(z.string(), schema),
    securitySchemes: z.record(z.string(), z.unknown()).optional(),
  }),
})

export type Document = z.infer<typeof documentForm>
export type DescribedOperation = z.infer<typeof operation>
export type Schema = z.infer<typeof schema>

export interface Route {
  method: string
  /** The path with names in braces. */
  path: string
  operation: DescribedOperation
}

/** All routes of the document. */
export const routesIn = ({ paths }: Document): Route[] =>
  Object.entries(paths).flatMap(([path, entries]) =>
    methods.flatMap((method) => {
      const operation = entries[method]
      return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation }]
    }),
  )
