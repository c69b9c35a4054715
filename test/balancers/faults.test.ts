/**
 * The fault kit of the sessions, through nginx and HAProxy at the same time: three instances, and turns of
 * both balancers on the instance that fails.
 */
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { freePort } from '../redis/server.ts'
import {
  absences,
  amid,
  approveAmidKills,
  cutAmid,
  type Door,
  killAmid,
  leaveForAWhile,
  ownerOf,
  restartRedisAmid,
  terminateAmid,
} from '../sessions/fault-kit.ts'
import { type Ledger, openLedger } from '../sessions/ledger.ts'
import { openStage, type Stage } from '../sessions/stage.ts'
import { beginTurn, oneAnswer, type StagedTurn, untilSeen } from '../sessions/staged-turn.ts'
import { startBalancer } from './programs.ts'

describe('behind nginx and HAProxy', () => {
  let stack: AsyncDisposableStack
  let stage: Stage
  let ledger: Ledger
  let doors: Door[]

  beforeAll(async () => {
    await using opening = new AsyncDisposableStack()
    ledger = opening.use(await openLedger())
    const ports = await Promise.all([0, 1, 2].map(async () => String(await freePort())))
    const environment = { LEDGER_URL: ledger.url }
    const agents = join(import.meta.dirname, '../sessions/faults-agent.ts')
    stage = opening.use(await openStage({ instances: 3, ports, agents, environment, paceMs: 12 }))
    const balancers = [await startBalancer('nginx', ports), await startBalancer('haproxy', ports)]
    for (const balancer of balancers) opening.use(balancer)
    doors = balancers
    stack = opening.move()
  })
  afterAll(() => stack?.disposeAsync())

  it('answers are whole after the death of an instance', async () => {
    await during(async ({ index, turns, door }) => {
      expect(await killAmid(stage, index, { turns, door })).toBeGreaterThan(1)
    })
  })

  it.each(absences)('an owner that %s writes nothing after its return', async (_, absence) => {
    await during(({ index, turns, door }) =>
      leaveForAWhile(stage, stage.instance(index), { turns, door, absence }),
    )
  })

  it('no tab returns because of an instance that ends in good order', async () => {
    await during(
      async ({ index, turns, door }) => {
        await terminateAmid(stage.instance(index), { turns, door })
        await stage.start(index)
      },
      { resumes: false },
    )
  })

  it('turns continue after a restart of Redis', async () => {
    await during(({ turns, door }) => restartRedisAmid(stage, { turns, door, awayMs: 0 }))
  })

  it('a tab whose connection closes again and again gets the whole answer', async () => {
    await Promise.all(doors.map(cutAmid))
  })

  it('an approved call runs under one key, although its instances die', async () => {
    await approveAmidKills(stage, ledger, doors)
  })

  interface Fault {
    /** The instance that fails. */
    index: number
    /** Its turns. */
    turns: readonly StagedTurn[]
    door: Door
  }

  /** Begins turns through both balancers. A fault hits an instance that has turns of both. */
  async function during(
    fail: (fault: Fault) => Promise<void>,
    { resumes = true }: { resumes?: boolean } = {},
  ): Promise<void> {
    const begun = await Promise.all(
      doors.flatMap((door) =>
        Array.from({ length: 4 }, async () => {
          const sides = { owner: door, survivor: door, resumes, watcherResumes: resumes }
          const turn = await beginTurn(sides)
          return { door, turn, index: await ownerOf(stage, turn.chatId) }
        }),
      ),
    )
    const ownedBy = (index: number) => begun.filter((each) => each.index === index)
    const index = [0, 1, 2].find((one) => new Set(ownedBy(one).map(({ door }) => door)).size === 2)
    if (index === undefined) throw new Error('No instance has turns of both balancers.')
    await Promise.all(begun.map(({ turn }) => untilSeen(turn, amid)))
    const [door] = doors
    if (door === undefined) throw new Error('There is no balancer.')
    await fail({ index, turns: ownedBy(index).map(({ turn }) => turn), door })
    await Promise.all(begun.map(({ turn, door }) => oneAnswer(turn, door)))
  }
})
