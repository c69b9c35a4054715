import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { inOrder, loadScript, loadScripts, replyByName } from '../../src/store/redis/script.ts'
import { signatures } from '../../src/store/redis/signature.ts'
import { startRedis } from '../redis/redis.ts'

const folder = join(import.meta.dirname, '../../src/store/redis')
const luaIn = (path: string) =>
  readdirSync(join(folder, path))
    .filter((file) => file.endsWith('.lua'))
    .map((file) => file.replace('.lua', ''))

const signature = {
  keys: ['session'],
  args: ['id', 'rest...'],
  returns: ['done', 'more...'],
} as const
const head = '-- KEYS session\n-- ARGV id rest...\n-- RETURNS done more...\n'
const body = "redis.call('SET', key.session, arg.id .. #arg.rest)\n"

const load = (text: string) => loadScript('a', signature, () => text)

describe('a script', () => {
  it('has a signature, and every signature has a script', () => {
    expect(luaIn('.').toSorted()).toEqual(Object.keys(signatures).toSorted())
  })

  it('uses existing parts, and every part is used', () => {
    const used = Object.values(loadScripts()).flatMap(({ text }) =>
      [...text.matchAll(/^-- USES (.*)$/gm)].flatMap(([, names = '']) => names.split(' ')),
    )
    expect([...new Set(used)].toSorted()).toEqual(luaIn('part').toSorted())
  })

  it('is refused if its head differs from its signature', () => {
    expect(() => load(head.replace('ARGV id', 'ARGV identity') + body)).toThrow(
      'a.lua: its head says args "identity rest...", the signature "id rest..."',
    )
    expect(() => load(head.replace('KEYS session', 'KEYS session mail') + body)).toThrow('keys')
    expect(() => load(head.replace(' more...', '') + body)).toThrow('returns')
    expect(load(head + body).sha).toMatch(/^[0-9a-f]{40}$/)
  })

  it('is refused if its names differ from its head', () => {
    expect(() => load(`${head}${body}return arg.idd`)).toThrow('arg.idd is not in its head')
    expect(() => load(`${head}${body}return key.mail`)).toThrow('key.mail is not in its head')
    expect(() => load(head + body.replace('#arg.rest', '1'))).toThrow('arg.rest is never used')
    expect(() => load(`${head}${body.replace('#arg.rest', '1')}-- arg.rest`)).toThrow('never used')
  })

  it('is not called without all keys and arguments', () => {
    const script = load(head + body)
    expect(inOrder(script, { session: 'k' }, { id: 1, rest: ['a', 'b'] })).toEqual({
      keys: ['k'],
      args: [1, 'a', 'b'],
    })
    // The types refuse this call. The check is for callers without types.
    const incomplete: { id: number; rest: string[] } = JSON.parse('{"id":1}')
    expect(() => inOrder(script, { session: 'k' }, incomplete)).toThrow('called without rest...')
  })

  it('returns its reply by name', () => {
    const script = load(head + body)
    expect(replyByName(script, ['1', 'a', 'b'])).toEqual({ done: '1', more: ['a', 'b'] })
    expect(replyByName(script, [])).toEqual({ done: '', more: [] })
    expect(() => replyByName(script, [1])).toThrow('a.lua: it did not answer a list of strings')
  })

  it('has its keys, arguments and replies by name in Lua', async () => {
    await using redis = await startRedis()
    const lua =
      'return returns({ done = #arg.rest == 2, more = { arg.id, key.session, arg.rest[2] } })'
    const script = load(head + lua)
    const reply = await redis.client.eval(script.text, 1, 'k', 'i', 'r1', 'r2')
    expect(replyByName(script, reply)).toEqual({ done: '1', more: ['i', 'k', 'r2'] })
  })
})
