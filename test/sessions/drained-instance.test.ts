/** An operator drains an instance through another one: no client notices it, and the process goes on. */
import { expect, it } from 'vitest'
import { z } from 'zod'

import { until } from '../redis/until.ts'
import { openStage, type StageInstance } from './stage.ts'
import { beginTurn, expectWhole, oneAnswer } from './staged-turn.ts'
import { post } from './tab.ts'

const listed = z.object({
  self: z.string(),
  instances: z.array(
    z.object({
      id: z.string(),
      version: z.string(),
      alive: z.boolean(),
      since: z.number(),
      turns: z.number(),
      readers: z.number(),
      draining: z.boolean(),
    }),
  ),
})

const list = async ({ url }: StageInstance) =>
  listed.parse(await (await fetch(`${url}/api/admin/instances`)).json())

const drain = (by: StageInstance, id: string) =>
  fetch(`${by.url}/api/admin/instances/${id}/drain`, { method: 'POST' })

it('an instance that an operator drains hands its turn over and goes on to serve its reader', async () => {
  await using stage = await openStage()
  const [one, two] = [stage.instance(0), stage.instance(1)]
  const { self: id } = await list(one)
  const turn = await beginTurn({ owner: one, survivor: two, text: 'steps: 3 hold' })
  await until(10_000, 'the model holds', () => stage.upstream.held === 1)
  const of = async (by: StageInstance, instance: string) =>
    (await list(by)).instances.find((each) => each.id === instance)
  await until(10_000, 'the turn is in the list', async () => (await of(two, id))?.turns === 1)
  expect(await of(two, id)).toMatchObject({ alive: true, draining: false, readers: 1 })
  expect((await drain(two, 'nobody')).status).toBe(404)

  expect((await drain(two, id)).status).toBe(202)
  await until(
    10_000,
    'the drain is in the list',
    async () => (await of(two, id))?.draining === true,
  )
  const readiness = await fetch(`${one.url}/readyz`)
  expect([readiness.status, await readiness.json()]).toEqual([503, { status: 'draining' }])
  stage.upstream.letGo()
  expectWhole(await oneAnswer(turn, two), 3)
  await until(10_000, 'the drained instance has nothing left', async () => {
    const { turns, readers, alive } = (await of(one, id)) ?? {}
    return alive === true && turns === 0 && readers === 0
  })
  expect((await post(one.url, 'late', 'steps: 1')).status).toBe(503)
  expect((await post(two.url, 'late', 'steps: 1')).status).toBe(202)

  const { self: last } = await list(two)
  const refused = await drain(one, last)
  expect([refused.status, await refused.text()]).toEqual([
    409,
    expect.stringContaining('No other instance'),
  ])
  expect(one.errors()).toContain('An operator drains this instance')
  expect(await one.terminate().gone).toBe(0)
  await until(
    10_000,
    'the ended instance is silent',
    async () => (await of(two, id))?.alive === false,
  )
})
