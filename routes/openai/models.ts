/** `GET /v1/models`: the agents of the server in the form of OpenAI's models. */
import type { Context } from 'hono'

import { LoomError } from '../../src/ground/error.ts'
import type { SessionWorld } from '../session-world.ts'

/** The API asks for a time, in seconds since 1970. An agent has none, so it is the start of the server. */
const created = Math.floor(Date.now() / 1000)

/** A model of the API. A test compares it with the type of OpenAI's client. */
export interface OpenAiModel {
  id: string
  object: 'model'
  created: number
  owned_by: string
}

const modelOf = (id: string): OpenAiModel => ({ id, object: 'model', created, owned_by: 'loom' })

export async function models(c: Context, { loom }: SessionWorld): Promise<Response> {
  return c.json({ object: 'list', data: loom.agents.map(({ name }) => modelOf(name)) })
}

export async function model(c: Context, { loom }: SessionWorld): Promise<Response> {
  const id = c.req.param('model') ?? ''
  if (loom.agents.some(({ name }) => name === id)) return c.json(modelOf(id))
  throw new LoomError('unknown-agent', `There is no model "${id}".`)
}
