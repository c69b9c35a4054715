/** Compiles: `hc` has the types of the routes. */
import { hc, type InferRequestType } from 'hono/client'
import type { ListedModel, SessionInfo } from 'loomkit'
import type { LoomRoutes } from 'loomkit/hono'

import { type Equal, expectType } from './equal.ts'

const client = hc<LoomRoutes>('http://127.0.0.1:3000')

export async function titles(id: string): Promise<(string | undefined)[]> {
  const one = await client.api.chat[':id'].$get({ param: { id } })
  if (!one.ok) throw new Error(await one.text())
  const session = await one.json()
  expectType<Equal<typeof session, SessionInfo>>()
  const page = await client.api.chat.$get({ query: { limit: '10' } })
  if (!page.ok) return [session.title]
  return [session.title, ...(await page.json()).sessions.map(({ title }) => title)]
}

export async function ask(message: string): Promise<string> {
  const header = { accept: 'application/json' }
  const response = await client.api.chat.$post({ json: { message }, header })
  if (!response.ok) throw new Error(await response.text())
  const answer = await response.json()
  return 'text' in answer ? answer.text : answer.messageId
}

export async function models(): Promise<ListedModel[]> {
  const response = await client.api.models.$get({ query: { query: 'mini' } })
  return response.ok ? (await response.json()).models : []
}

type Decision = InferRequestType<
  (typeof client.api.agents)[':agent']['chat'][':id']['approvals'][':approvalId']['$post']
>
expectType<Equal<keyof Decision['json'], 'approved' | 'reason'>>()
expectType<Equal<keyof Decision['param'], 'agent' | 'id' | 'approvalId'>>()

// @ts-expect-error A stop has no such value.
void client.api.chat[':id'].stop.$post({ param: { id: 'a' }, json: { queue: 'drop' } })
// @ts-expect-error There is no such route.
void client.api.chat[':id'].nothing.$get({ param: { id: 'a' } })
