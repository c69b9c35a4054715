/** Tells a wrong method from a wrong path: Hono's router answers both with 404. */
import type { Context, Hono } from 'hono'

import { LoomError } from '../src/ground/error.ts'

/** To be called after the routes of the path: it answers every method that they left. */
export function onlyMethods(app: Hono, path: string, methods: string): void {
  app.all(path, (c: Context) => {
    c.header('Allow', methods)
    throw new LoomError('method-not-allowed', `Use ${methods} here.`)
  })
}
