/** Answers a wrong method with 405. Hono's router would answer it with 404, like a wrong path. */
import type { Context, Hono } from 'hono'

import { LoomError } from '../src/ground/error.ts'

/** Call this after the routes of a path. It refuses every method that the routes did not handle. */
export function onlyMethods(app: Hono, path: string, methods: string): void {
  app.all(path, (c: Context) => {
    c.header('Allow', methods)
    throw new LoomError('method-not-allowed', `Use ${methods} here.`)
  })
}
