/** The register of instances, and the index of each. */
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const longMs = 60_000

export function instances({ it, store }: Subject): void {
  const names = () => {
    const run = crypto.randomUUID()
    return { dead: `dead ${run}`, alive: `alive ${run}` }
  }
  const ours = async (mine: readonly string[]) =>
    (await store().lapsed()).filter((instance) => mine.includes(instance))

  it('is alive until its heartbeat lapses', async () => {
    const { dead, alive } = names()
    expect(await store().isAlive(alive)).toBe(false)
    await store().beat(alive, longMs)
    await store().beat(dead, 1)
    expect(await store().isAlive(alive)).toBe(true)
    await expect.poll(() => ours([dead, alive])).toEqual([dead])
    expect(await store().isAlive(dead)).toBe(false)
    await store().beat(dead, longMs)
    expect(await ours([dead, alive])).toEqual([])
  })

  it('reports its status, and learns that it must drain', async () => {
    const { alive, dead } = names()
    const status = { version: '1.2.3', startedAt: 5, turns: 2, readers: 3, isDraining: false }
    expect(await store().reportStatus(alive, status, longMs)).toBe(false)
    expect(await store().reportStatus(dead, { ...status, turns: 0 }, 1)).toBe(false)
    const reported = async () =>
      (await store().reportedInstances()).filter(({ id }) => id === alive || id === dead)
    await expect
      .poll(async () => (await reported()).find(({ id }) => id === dead)?.isAlive)
      .toBe(false)
    expect((await reported()).find(({ id }) => id === alive)).toEqual({
      id: alive,
      isAlive: true,
      status,
    })
    await store().askToDrain(alive)
    await store().askToDrain(`unknown ${alive}`)
    expect(await store().reportStatus(alive, status, longMs)).toBe(true)
    expect(await store().reportStatus(dead, status, longMs)).toBe(false)
    expect(await reported()).toHaveLength(2)
  })

  it('keeps its index of sessions', async () => {
    const { alive } = names()
    for (const session of ['s1', 's2', 's3', 's2']) await store().note(alive, session)
    await store().forget(alive, ['s1', 's9'])
    expect((await store().noted(alive)).toSorted()).toEqual(['s2', 's3'])
    await store().forget(alive, [])
    await store().forget(alive, ['s2', 's3'])
    expect(await store().noted(alive)).toEqual([])
  })

  it('adopts the sessions of a lapsed one in parts', async () => {
    const { dead, alive } = names()
    const sessions = Array.from({ length: 10 }, (_, index) => `s${index}`)
    for (const session of sessions) await store().note(dead, session)
    await store().beat(dead, longMs)
    expect(await store().adopt(dead, alive, 100)).toEqual([])
    await store().beat(dead, 1)
    await expect.poll(() => ours([dead])).toEqual([dead])
    const adopted = await store().adopt(dead, alive, 4)
    expect(adopted).toHaveLength(4)
    expect((await store().noted(alive)).toSorted()).toEqual(adopted.toSorted())
    expect(await ours([dead])).toEqual([dead])
    adopted.push(...(await store().adopt(dead, alive, 100)))
    expect(adopted.toSorted()).toEqual(sessions)
    expect((await store().noted(alive)).toSorted()).toEqual(sessions)
    expect(await store().noted(dead)).toEqual([])
    expect(await ours([dead])).toEqual([])
  })

  it('passes a session to instances with its agent, with one hint', async () => {
    const { alive } = names()
    const agent = `agent ${alive}`
    const hints: string[] = []
    const unwatch = await store().watchInstances((reason) => void hints.push(reason))
    await store().note(alive, 's1')
    await store().note(alive, 's2')
    for (const session of ['s1', 's1']) await store().pass(session, { from: alive, agent })
    await expect.poll(() => hints).toEqual(['passed'])
    expect(await store().noted(alive)).toEqual(['s2'])
    expect(await store().adoptWaiting('another', `${alive} 2`, 10)).toEqual([])
    expect(await store().adoptWaiting(agent, `${alive} 2`, 10)).toEqual(['s1'])
    expect(await store().adoptWaiting(agent, `${alive} 2`, 10)).toEqual([])
    expect(await store().noted(`${alive} 2`)).toEqual(['s1'])
    unwatch()
  })

  it('shares the sessions of a lapsed one with other instances', async () => {
    const { dead, alive } = names()
    const sessions = Array.from({ length: 50 }, (_, index) => `s${index}`)
    for (const session of sessions) await store().note(dead, session)
    await store().leave(dead)
    const shares = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store().adopt(dead, `${alive} ${index}`, 10)),
    )
    expect(shares.flat().toSorted()).toEqual(sessions.toSorted())
  })

  it('leaves its sessions to others when it ends', async () => {
    const { dead, alive } = names()
    await store().beat(alive, longMs)
    await store().leave(alive)
    expect(await store().isAlive(alive)).toBe(false)
    expect(await ours([alive])).toEqual([])
    await store().beat(dead, longMs)
    await store().note(dead, 's1')
    await store().leave(dead)
    expect(await ours([dead])).toEqual([dead])
  })

  it('gives a hint when it leaves sessions behind', async () => {
    const { dead, alive } = names()
    const hints: Record<'once' | 'twice', string[]> = { once: [], twice: [] }
    const unwatch = await store().watchInstances((reason) => void hints.once.push(reason))
    const unwatchTwice = await store().watchInstances((reason) => void hints.twice.push(reason))
    await store().beat(alive, longMs)
    await store().leave(alive)
    await store().note(dead, 's1')
    await store().leave(dead)
    await expect.poll(() => hints).toEqual({ once: ['left'], twice: ['left'] })
    unwatch()
    await store().leave(dead)
    await expect.poll(() => hints).toEqual({ once: ['left'], twice: ['left', 'left'] })
    unwatchTwice()
  })
}
