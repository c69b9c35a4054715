import { describe, expect, it } from 'vitest'

import { escaped, unescaped } from '../../src/store/redis/keys.ts'
import { parseRedisUrl } from '../../src/store/redis/url.ts'

const plain = { tls: false, db: 0 }

describe('a Redis URL', () => {
  it('names one server', () => {
    expect(parseRedisUrl('redis://localhost')).toEqual({
      ...plain,
      kind: 'single',
      hosts: [{ host: 'localhost', port: 6379 }],
    })
    expect(parseRedisUrl('rediss://ann:p%40ss:word@[::1]:7000/3')).toEqual({
      kind: 'single',
      hosts: [{ host: '::1', port: 7000 }],
      tls: true,
      username: 'ann',
      password: 'p@ss:word',
      db: 3,
    })
    expect(parseRedisUrl('redis://:secret@h/')).toMatchObject({ password: 'secret', db: 0 })
    expect(parseRedisUrl('redis://:secret@h/')).not.toHaveProperty('username')
  })

  it('names the nodes of a cluster', () => {
    expect(parseRedisUrl('redis+cluster://a:1,b,10.0.0.1:3')).toEqual({
      ...plain,
      kind: 'cluster',
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 6379 },
        { host: '10.0.0.1', port: 3 },
      ],
    })
    expect(parseRedisUrl('rediss+cluster://u:p@a:1')).toMatchObject({ tls: true, username: 'u' })
  })

  it('names sentinels and the master', () => {
    const url = 'redis+sentinel://u:p@a,b:2/my%20master/4?sentinelUsername=su&sentinelPassword=sp'
    expect(parseRedisUrl(url)).toEqual({
      kind: 'sentinel',
      hosts: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 2 },
      ],
      tls: false,
      name: 'my master',
      db: 4,
      username: 'u',
      password: 'p',
      sentinelUsername: 'su',
      sentinelPassword: 'sp',
    })
  })

  it.each([
    ['http://secret@h', 'must be redis://host:port'],
    ['redis://', 'must be redis://host:port'],
    ['redis://:secret@a,b', 'must name one host'],
    ['redis://:secret@h:0', 'bad port'],
    ['redis://:secret@h:65536', 'bad port'],
    ['redis://:secret@h:1x', 'bad port'],
    ['redis://:secret@h/x', 'bad database'],
    ['redis://:secret%@h', 'two hex digits'],
    ['redis+cluster://:secret@h/1', 'must not name a database'],
    ['redis+cluster://:secret@h,', 'a host that cannot be read'],
    ['redis+sentinel://:secret@h', 'name of the master'],
  ])('%s is refused, and not quoted', (url, reason) => {
    expect(() => parseRedisUrl(url)).toThrow(
      expect.objectContaining({
        code: 'invalid-config',
        message: expect.stringContaining(reason),
      }),
    )
    expect(() => parseRedisUrl(url)).not.toThrow(/secret/)
  })
})

describe('an id in a key', () => {
  it('is unescaped exactly, and is unique', () => {
    const ids = ['', '%', '%25;', '{', '}', '%7b;', '\n', '\ud800', '\udc00', '🙂', 'é', 'a:b']
    const keys = ids.map(escaped)
    expect(keys.map(unescaped)).toEqual(ids)
    expect(new Set(keys).size).toBe(ids.length)
    for (const key of keys) expect(Buffer.from(key).toString()).toBe(key)
  })
})
