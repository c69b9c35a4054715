/**
 * The tree of tasks of a root: its limits, its order, its end. The file is long because it has one case for each
 * rule, and all cases share one tree.
 */
import { randomUUID } from 'node:crypto'

import { noSpending, type Spending } from '../../spending.ts'
import type { Store } from '../../store.ts'
import { type Task, taskId } from '../../store/task.ts'
import { type Conversation, converse, letter, nextOf } from './conversation.ts'
import { expect } from './expectation.ts'
import type { Subject } from './subject.ts'

const limits = { unfinishedMax: 100, openMax: 4 }

/** An id in the tree of a root. The name has letters and digits only. */
export const idOf = (rootId: string, name: string) => taskId(rootId, name.padStart(26, '0'))

export const taskOf = (rootId: string, name: string, more: Partial<Task> = {}): Task => ({
  id: idOf(rootId, name),
  parent: rootId,
  messageId: 're-m1',
  toolCallId: name,
  path: ['research'],
  agent: 'researcher',
  background: false,
  restarts: 0,
  letter: letter(`of-${name}`, { digest: name, context: { user: 'ada' } }),
  ...more,
})

/** A root with an ended turn. */
export async function newRoot(store: Store, id: string = randomUUID()): Promise<string> {
  await converse(store, id).turn(letter('m1'))
  return id
}

const spent = { ...noSpending, usd: 0.5 }

/** Begins a turn of a task and notes its spending. */
async function noteBy(talk: Conversation, spent: Spending): Promise<void> {
  const { claim } = await talk.claim(letter('m1'))
  await talk.store.noteSpending({ sessionId: talk.id, claim }, spent)
}

export function tasks({ it, store }: Subject): void {
  it('is read as it was added', async () => {
    const root = await newRoot(store())
    const one = taskOf(root, 'one')
    const two = taskOf(root, 'two', { parent: one.id, path: ['a', 'b'], background: true })
    expect(await store().addTask(one, limits)).toEqual({ status: 'added', state: 'open' })
    expect(await store().addTask(two, limits)).toEqual({ status: 'added', state: 'open' })
    const stored = await store().tasks(root)
    expect(stored.map(({ task, state }) => [task, state])).toEqual([
      [one, 'open'],
      [two, 'open'],
    ])
    expect(stored.every(({ createdAt }) => createdAt > 0)).toBe(true)
    expect(await store().task(two.id)).toEqual(stored[1])
    expect(await store().task(idOf(root, 'three'))).toBeUndefined()
    expect(await store().tasks(randomUUID())).toEqual([])
  })

  it('with a long message in a root with any id is read as it was added', async () => {
    const root = await newRoot(store(), `line\nend {}%~ ${randomUUID()}`)
    const text = 'long \u2028\n'.repeat(20_000)
    const message = { id: 'l', role: 'user' as const, parts: [{ type: 'text' as const, text }] }
    const long = taskOf(root, 'long', { letter: letter('l', { message }) })
    await store().addTask(long, limits)
    expect((await store().task(long.id))?.task).toEqual(long)
    expect((await store().tasks(root)).map(({ task }) => task)).toEqual([long])
  })

  it('is added once', async () => {
    const root = await newRoot(store())
    const task = taskOf(root, 'one')
    const replies = await Promise.all(
      Array.from({ length: 4 }, () => store().addTask(task, { unfinishedMax: 1, openMax: 1 })),
    )
    expect(replies.filter(({ status }) => status === 'added')).toHaveLength(1)
    expect(replies.filter(({ status }) => status === 'known')).toHaveLength(3)
    await store().addTask({ ...task, agent: 'other' }, limits)
    expect(await store().tasks(root)).toHaveLength(1)
    expect((await store().task(task.id))?.task).toEqual(task)
  })

  it('needs its root and its parent', async () => {
    const missing = randomUUID()
    const gone = { status: 'gone' }
    expect(await store().addTask(taskOf(missing, 'one'), limits)).toEqual(gone)
    const root = await newRoot(store())
    const orphan = taskOf(root, 'two', { parent: idOf(root, 'one') })
    expect(await store().addTask(orphan, limits)).toEqual(gone)
    const foreign = taskOf(root, 'two', { parent: await newRoot(store()) })
    expect(await store().addTask(foreign, limits)).toEqual(gone)
    const ofTask = taskOf(idOf(root, 'one'), 'two')
    expect(await store().addTask(ofTask, limits)).toEqual(gone)
    expect(await store().addTask({ ...taskOf(root, 'x'), id: root }, limits)).toEqual(gone)
    await store().remove(root, { tenant: '' })
    expect(await store().addTask(taskOf(root, 'one'), limits)).toEqual(gone)
    expect(await store().tasks(root)).toEqual([])
  })

  it('is refused above the limit of its tree, and queued above that of its parent', async () => {
    const root = await newRoot(store())
    const few = { unfinishedMax: 3, openMax: 1 }
    const add = (name: string, parent = root) =>
      store().addTask(taskOf(root, name, { parent }), few)
    expect(await add('one')).toEqual({ status: 'added', state: 'open' })
    expect(await add('two')).toEqual({ status: 'added', state: 'queued' })
    expect(await add('three', idOf(root, 'one'))).toEqual({ status: 'added', state: 'open' })
    expect(await add('four')).toEqual({ status: 'full' })
    expect(await add('two')).toEqual({ status: 'known', state: 'queued' })
    expect(await store().endTask(idOf(root, 'three'), few)).toEqual({ isNew: true, next: [] })
    expect(await add('four')).toEqual({ status: 'added', state: 'queued' })
    expect(await add('three')).toEqual({ status: 'known', state: 'ended' })
  })

  it('opens the oldest queued one of its parent at its end', async () => {
    const root = await newRoot(store())
    const one = { openMax: 1 }
    for (const name of ['a', 'b', 'c', 'd']) {
      await store().addTask(taskOf(root, name), { ...limits, ...one })
    }
    let hints = 0
    const end = await store().watch(idOf(root, 'b'), 'log', () => (hints += 1))
    expect(await store().endTask(idOf(root, 'c'), one)).toEqual({ isNew: true, next: [] })
    const next = [idOf(root, 'b')]
    expect(await store().endTask(idOf(root, 'a'), one)).toEqual({ isNew: true, next })
    await expect.poll(async () => hints).toBe(1)
    end()
    expect(await store().endTask(idOf(root, 'a'), one)).toEqual({ isNew: false, next: [] })
    expect(await store().endTask(idOf(root, 'z'), one)).toEqual({ isNew: false, next: [] })
    expect((await store().tasks(root)).map(({ state }) => state)).toEqual([
      'ended',
      'open',
      'ended',
      'queued',
    ])
    // A greater limit leaves room for several.
    await store().addTask(taskOf(root, 'e'), { ...limits, ...one })
    const { next: both } = await store().endTask(idOf(root, 'b'), { openMax: 2 })
    expect(both).toEqual([idOf(root, 'd'), idOf(root, 'e')])
  })

  it('leaves its place to the next one while it waits, and needs none after that', async () => {
    const root = await newRoot(store())
    const one = { openMax: 1 }
    for (const name of ['a', 'b', 'c']) {
      await store().addTask(taskOf(root, name), { ...limits, ...one })
    }
    const [a, b, c] = [idOf(root, 'a'), idOf(root, 'b'), idOf(root, 'c')]
    expect(await store().parkTask(c, one)).toEqual({ isNew: false, next: [] })
    expect(await store().parkTask(a, one)).toEqual({ isNew: true, next: [b] })
    expect(await store().parkTask(a, one)).toEqual({ isNew: false, next: [] })
    expect(await store().parkTask(idOf(root, 'z'), one)).toEqual({ isNew: false, next: [] })
    expect(await store().task(a)).toMatchObject({ state: 'waiting' })
    const states = async () => (await store().tasks(root)).map(({ state }) => state)
    expect(await states()).toEqual(['waiting', 'open', 'queued'])
    // It counts in the tree, and its end leaves no place.
    expect(await store().addTask(taskOf(root, 'd'), { unfinishedMax: 3, openMax: 9 })).toEqual({
      status: 'full',
    })
    expect(await store().endTask(a, one)).toEqual({ isNew: true, next: [] })
    expect(await store().parkTask(a, one)).toEqual({ isNew: false, next: [] })
    expect(await states()).toEqual(['ended', 'open', 'queued'])
    expect(await store().endTask(b, one)).toEqual({ isNew: true, next: [c] })
  })

  it('has its spending', async () => {
    const root = await newRoot(store())
    const { id } = taskOf(root, 'one')
    await store().addTask(taskOf(root, 'one'), limits)
    expect(await store().task(id)).not.toHaveProperty('spent')
    await noteBy(converse(store(), id), spent)
    await store().endTask(id, limits)
    expect(await store().task(id)).toMatchObject({ state: 'ended', spent })
    expect(await store().tasks(root)).toMatchObject([{ state: 'ended', spent }])
  })

  it('keeps its limits in simultaneous calls', async () => {
    const root = await newRoot(store())
    const names = Array.from({ length: 20 }, (_, index) => `n${index}`)
    const count = async (state: string) =>
      (await store().tasks(root)).filter((entry) => entry.state === state).length
    await Promise.all(names.map((name) => store().addTask(taskOf(root, name), limits)))
    expect([await count('open'), await count('queued')]).toEqual([4, 16])
    const opened = new Set<string>()
    const open = async () =>
      (await store().tasks(root)).flatMap(({ task, state }) => (state === 'open' ? task.id : []))
    for (const id of await open()) opened.add(id)
    const late = Array.from({ length: 8 }, (_, index) => `l${index}`)
    const replies = await Promise.all([
      ...[...opened].map((id) => store().endTask(id, limits)),
      ...late.map((name) => store().addTask(taskOf(root, name), limits)),
      ...[...opened].map((id) => store().endTask(id, limits)),
    ])
    const ends = replies.flatMap((reply) => ('next' in reply ? [reply] : []))
    expect(ends.filter(({ isNew }) => isNew)).toHaveLength(4)
    expect([await count('open'), await count('queued')]).toEqual([4, 20])
    const next = ends.flatMap(({ next }) => next)
    expect(new Set(next).size).toBe(4)
    expect((await open()).toSorted()).toEqual(next.toSorted())
  })

  it('is read without the ended ones', async () => {
    const root = await newRoot(store())
    const few = { ...limits, openMax: 2 }
    for (const name of ['a', 'b', 'c', 'd']) await store().addTask(taskOf(root, name), few)
    await noteBy(converse(store(), idOf(root, 'b')), spent)
    await store().endTask(idOf(root, 'a'), few)
    const unfinished = await store().unfinishedTasks(root)
    expect(unfinished.map(({ task, state }) => [task.toolCallId, state])).toEqual([
      ['b', 'open'],
      ['c', 'open'],
      ['d', 'queued'],
    ])
    expect(unfinished).toEqual((await store().tasks(root)).slice(1))
    await store().removeTask(idOf(root, 'b'))
    expect(await store().unfinishedTasks(root)).toHaveLength(2)
    expect(await store().unfinishedTasks(randomUUID())).toEqual([])
    expect(await store().unfinishedTasks(idOf(root, 'c'))).toEqual([])
  })

  it('in great number is read in the order of its start', async () => {
    const root = await newRoot(store())
    const ids = Array.from({ length: 250 }, (_, index) => idOf(root, `n${index}`))
    const many = { unfinishedMax: 2000, openMax: 1 }
    // One after the other by groups, because simultaneous calls have no order.
    const [first = '', ...others] = ids
    await store().addTask({ ...taskOf(root, ''), id: first }, many)
    await store().endTask(first, many)
    for (const id of others) await store().addTask({ ...taskOf(root, ''), id }, many)
    expect((await store().tasks(root)).map(({ task }) => task.id)).toEqual(ids)
    expect((await store().unfinishedTasks(root)).map(({ task }) => task.id)).toEqual(ids.slice(1))
  })

  describeSessions({ it, store })
  describeRemoval({ it, store })
}

/** The sessions of tasks. */
function describeSessions({ it, store }: Pick<Subject, 'it' | 'store'>): void {
  it('has a record of its session beside the others', async () => {
    const root = await newRoot(store())
    const ids = Array.from({ length: 120 }, (_, index) => idOf(root, `n${index}`))
    const many = { unfinishedMax: 200, openMax: 200 }
    for (const id of ids) await store().addTask({ ...taskOf(root, ''), id }, many)
    const [first = '', second = '', ...others] = ids
    const last = others.at(-1) ?? ''
    await converse(store(), first).turn(letter('m1'))
    await converse(store(), last).claim(letter('m1'))
    const records = await store().sessions([first, second, root, ...others])
    expect(records).toHaveLength(ids.length + 1)
    expect(records.flatMap((record) => record?.id ?? [])).toEqual([first, root, last])
    expect(records[0]).toEqual(await store().session(first))
    expect(records[2]).toEqual(await store().session(root))
    expect(records.at(-1)).toEqual(await store().session(last))
    expect(await store().sessions([])).toEqual([])
  })

  it('has a session while its tree has it', async () => {
    const root = await newRoot(store())
    const talk = converse(store(), idOf(root, 'one'))
    expect(await talk.post(letter('m1'))).toEqual({ status: 'gone' })
    expect(await talk.post(letter('m1'), { isResult: true })).toEqual({ status: 'gone' })
    await store().addTask(taskOf(root, 'one'), limits)
    await talk.turn(letter('m1'))
    await store().endTask(talk.id, limits)
    // An ended task can be asked again.
    await talk.turn(letter('m2'))
    expect(await talk.history()).toEqual(['m1', 're-m1', 'm2', 're-m2'])
    expect(await talk.post(letter('m3'), { tenant: 'eve' })).toEqual({ status: 'foreign' })
    const { sessions } = await store().list('', { limit: 10_000 })
    expect(sessions.map(({ id }) => id)).toContain(root)
    expect(sessions.some(({ id }) => id === talk.id)).toBe(false)
    await store().remove(root, { tenant: '' })
    expect(await talk.post(letter('m4'))).toEqual({ status: 'gone' })
  })

  it('has schedules while its tree has it, and is no copy', async () => {
    const root = await newRoot(store())
    const id = idOf(root, 'one')
    const owner = { tenant: '', agent: 'assistant', schedulesMax: 3 }
    const times = { occurrence: 0, dueAt: 5000, createdAt: 4000 }
    const tea = { id: 'tea', rule: { kind: 'once' } as const, letter: letter(''), ...times }
    expect(await store().addSchedule(id, tea, owner)).toBe('gone')
    expect(await store().fork(root, { newId: id, tenant: '' })).toBe(false)
    await store().addTask(taskOf(root, 'one'), limits)
    expect(await store().fork(root, { newId: id, tenant: '' })).toBe(false)
    expect(await store().addSchedule(id, tea, owner)).toBe('added')
    const { sessions } = await store().list('', { limit: 10_000 })
    expect(sessions.some((each) => each.id === id)).toBe(false)
    await store().remove(id, { tenant: '' })
  })
}

/** The removal of tasks and of whole trees. */
function describeRemoval({ it, store }: Pick<Subject, 'it' | 'store'>): void {
  it('is removed with all tasks below it', async () => {
    const root = await newRoot(store())
    const under = (name: string, parent: string) => taskOf(root, name, { parent })
    const [a, b] = [taskOf(root, 'a'), under('b', idOf(root, 'a'))]
    const [c, d] = [under('c', b.id), taskOf(root, 'd')]
    for (const task of [a, b, c, d]) await store().addTask(task, limits)
    await converse(store(), c.id).turn(letter('m1'))
    await store().removeTask(b.id)
    await store().removeTask(b.id)
    expect((await store().tasks(root)).map(({ task }) => task.id)).toEqual([a.id, d.id])
    expect((await store().removedTasks(root)).toSorted()).toEqual([b.id, c.id].toSorted())
    expect(await converse(store(), c.id).post(letter('m2'))).toEqual({ status: 'gone' })
    expect(await store().addTask(under('e', b.id), limits)).toEqual({ status: 'gone' })
    expect(await store().addTask(b, limits)).toEqual({ status: 'gone' })
    expect(await store().remove(c.id, { tenant: '' })).toBe(true)
    await store().forgetTasks(root, [c.id])
    expect(await store().removedTasks(root)).toEqual([b.id])
    await store().forgetTasks(root, [b.id, d.id])
    expect(await store().removedTasks(root)).toEqual([])
    expect(await store().addTask(b, limits)).toEqual({ status: 'added', state: 'open' })
  })

  it('is removed with its root', async () => {
    const root = await newRoot(store())
    const [one, two] = [taskOf(root, 'one'), taskOf(root, 'two')]
    await store().addTask(one, limits)
    await store().addTask(two, limits)
    await store().removeTask(two.id)
    const talk = converse(store(), one.id)
    const claim = await talk.claim(letter('m1'))
    await store().remove(root, { tenant: '' })
    const removed = [one.id, two.id].toSorted()
    expect((await store().removedTasks(root)).toSorted()).toEqual(removed)
    expect(await store().tasks(root)).toEqual([])
    expect(await store().task(one.id)).toBeUndefined()
    expect(await store().endTask(one.id, limits)).toEqual({ isNew: false, next: [] })
    expect(await talk.post(letter('m2'))).toEqual({ status: 'gone' })
    // The root begins anew, without tasks. The list of the removed ones stays.
    await newRoot(store(), root)
    expect(await store().tasks(root)).toEqual([])
    expect(await talk.post(letter('m2'))).toEqual({ status: 'gone' })
    expect((await store().removedTasks(root)).toSorted()).toEqual(removed)
    expect(await store().remove(one.id, { tenant: '' })).toBe(true)
    expect(await talk.append(claim, 1)).toEqual({ status: 'lost' })
    await store().forgetTasks(root, removed)
    expect(await store().removedTasks(root)).toEqual([])
    expect(await store().addTask(one, limits)).toEqual({ status: 'added', state: 'open' })
  })

  it('cannot begin after the removal of its root, in any race', async () => {
    const root = await newRoot(store())
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
    const begin = async (name: string) => {
      const { status } = await store().addTask(taskOf(root, name), limits)
      const reply = await converse(store(), idOf(root, name)).post(letter('m1'))
      return { name, status, posted: reply.status }
    }
    const begun = names.slice(0, 6).map(begin)
    const removal = store().remove(root, { tenant: '' })
    const all = await Promise.all([...begun, ...names.slice(6).map(begin)])
    await removal
    const removed = await store().removedTasks(root)
    for (const { name, status, posted } of all) {
      expect(removed.includes(idOf(root, name))).toBe(status === 'added')
      if (status === 'gone') expect(posted).toBe('gone')
      const late = await converse(store(), idOf(root, name)).post(letter('m2'))
      expect(late).toEqual({ status: 'gone' })
    }
    expect(await store().tasks(root)).toEqual([])
  })
}

/** The results of background tasks, in every state of their parent. */
export function results({ it, store }: Subject): void {
  const result = { isResult: true, mailboxLimit: 1000 }

  it('begins no session', async () => {
    const talk = converse(store())
    expect(await talk.post(letter('r1'), result)).toEqual({ status: 'gone' })
    expect(await store().session(talk.id)).toBeUndefined()
    await talk.turn(letter('m1'))
    await store().remove(talk.id, { tenant: '' })
    expect(await talk.post(letter('r1'), result)).toEqual({ status: 'gone' })
    expect(await store().session(talk.id)).toBeUndefined()
  })

  it('begins a turn of an idle session', async () => {
    const talk = converse(store())
    await talk.turn(letter('m1'))
    const eve = { ...result, tenant: 'eve' }
    expect(await talk.post(letter('r1'), eve)).toEqual({ status: 'foreign' })
    await talk.turn(letter('r1'), result)
    expect(await talk.history()).toEqual(['m1', 're-m1', 'r1', 're-r1'])
    expect(await talk.post(letter('r1'), result)).toMatchObject({ status: 'known', as: 'done' })
  })

  it('is steered to the turn that runs, behind messages', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    let intents = 0
    const end = await store().watch(talk.id, 'intents', () => (intents += 1))
    await talk.post(letter('m2'))
    const queued = { status: 'queued', position: 1, steered: true }
    // The mode of a post is for messages of users.
    expect(await talk.post(letter('r1'), { ...result, whenBusy: 'reject' })).toEqual(queued)
    const second = { ...queued, position: 2 }
    expect(await talk.post(letter('r2'), { ...result, whenBusy: 'rollback' })).toEqual(second)
    await expect.poll(async () => intents).toBeGreaterThan(1)
    end()
    await talk.post(letter('s1'), { whenBusy: 'steer' })
    expect(await talk.queue()).toEqual(['s1', 'm2', 'r1', 'r2'])
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: true })
    const at = { sessionId: talk.id, claim: claim.claim }
    expect(await store().takeSteered(at)).toEqual([letter('s1'), letter('r1'), letter('r2')])
    expect(await talk.append(claim, 2)).toEqual({ status: 'appended', steer: false })
    expect(await talk.history()).toEqual(['m1', 's1', 'r1', 'r2'])
    expect(await talk.queue()).toEqual(['m2'])
    expect(await talk.post(letter('r1'), result)).toMatchObject({ status: 'known', as: 'running' })
  })

  it('goes to a later turn if no turn took it', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('r1'), result)
    await talk.post(letter('r2'), result)
    await talk.post(letter('m2'))
    const next = nextOf(await talk.finish(claim))
    expect(next.letter.id).toBe('m2')
    expect(await talk.append(next, 1)).toEqual({ status: 'appended', steer: true })
    const last = nextOf(await talk.finish(next))
    expect(last.letter.id).toBe('r1')
    const at = { sessionId: talk.id, claim: last.claim }
    expect(await store().takeSteered(at)).toEqual([letter('r2')])
    expect(await talk.finish(last)).toEqual({ status: 'done' })
  })

  it('is withdrawn like any letter', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('r1'), result)
    expect(await store().withdraw(talk.id, 'r1', { tenant: '' })).toBe(true)
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: false })
  })

  it('is refused above the limit of the mailbox', async () => {
    const talk = converse(store())
    const small = { isResult: true, mailboxLimit: 1 }
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('r1'), small)
    expect(await talk.post(letter('r2'), small)).toEqual({ status: 'full' })
    await store().takeSteered({ sessionId: talk.id, claim: claim.claim })
    await talk.finish(claim, { state: 'waiting' })
    await talk.post(letter('r2'), small)
    expect(await talk.post(letter('r3'), small)).toEqual({ status: 'full' })
    expect(await talk.queue()).toEqual(['r2'])
  })

  it('waits while a message waits for an answer, and is steered to its turn', async () => {
    const talk = converse(store())
    await talk.finish(await talk.claim(letter('m1')), { state: 'waiting' })
    const queued = { status: 'queued', position: 0, steered: false }
    expect(await talk.post(letter('r1'), result)).toEqual(queued)
    expect(await store().session(talk.id)).toMatchObject({ state: 'waiting', queued: 1 })
    const run = { tenant: '', instance: 'one' }
    expect(await store().runQueue(talk.id, run)).toEqual({ isRunning: false })
    expect(await talk.queue()).toEqual(['r1'])
    const claim = await talk.claim({ ...letter('a1'), kind: 'answer', replyId: 're-m1' })
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: true })
    // The turn waits again before it took the result.
    expect(await talk.finish(claim, { state: 'waiting' })).toEqual({ status: 'done' })
    const again = await talk.claim({ ...letter('a2'), kind: 'answer', replyId: 're-m1' })
    const at = { sessionId: talk.id, claim: again.claim }
    expect(await store().takeSteered(at)).toEqual([letter('r1')])
  })

  it('is steered to the message that abandons a waiting one', async () => {
    const talk = converse(store())
    await talk.finish(await talk.claim(letter('m1')), { state: 'waiting' })
    await talk.post(letter('r1'), result)
    const claim = await talk.claim(letter('m2'))
    expect(claim.abandoned).toBe('re-m1')
    expect(await talk.append(claim, 1)).toEqual({ status: 'appended', steer: true })
    expect(nextOf(await talk.finish(claim)).letter.id).toBe('r1')
  })

  it('does not keep a message from a turn that ends and waits', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('r1'), result)
    await talk.post(letter('m2'))
    const next = nextOf(await talk.finish(claim, { state: 'waiting' }))
    expect(next).toMatchObject({ letter: { id: 'm2' }, abandoned: 're-m1' })
    expect(await talk.queue()).toEqual(['r1'])
  })

  it('does not end a hold', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await store().requestStop(talk.id, { tenant: '', queue: 'hold' })
    expect(await talk.post(letter('r1'), result)).toMatchObject({ status: 'queued', steered: true })
    expect(await talk.finish(claim)).toEqual({ status: 'done' })
    const queued = { status: 'queued', position: 2, steered: false }
    expect(await talk.post(letter('r2'), result)).toEqual(queued)
    expect(await store().session(talk.id)).toMatchObject({ state: 'idle', held: true, queued: 3 })
    const { next } = await store().runQueue(talk.id, { tenant: '', instance: 'one' })
    expect(next?.letter.id).toBe('m2')
    const at = { sessionId: talk.id, claim: next?.claim ?? 0 }
    expect(await store().takeSteered(at)).toEqual([letter('r1'), letter('r2')])
  })

  it('begins a turn after a hold that holds nothing', async () => {
    const talk = converse(store())
    const claim = await talk.claim(letter('m1'))
    await talk.post(letter('m2'))
    await store().requestStop(talk.id, { tenant: '', queue: 'hold' })
    await talk.finish(claim)
    await store().withdraw(talk.id, 'm2', { tenant: '' })
    const begun = await talk.claim(letter('r1'), result)
    await talk.post(letter('r2'), result)
    expect(nextOf(await talk.finish(begun)).letter.id).toBe('r2')
  })
}
