/** Principals who must not reach a session of ada. */
import { secretJwt } from '../access-server.ts'
import type { Send } from './stage.ts'

export interface Stranger {
  name: string
  /** The principal has a space of ids of its own, in which the ids of ada are free. */
  own: boolean
  credential: (send: Send, ada: string) => Promise<string>
}

const byClaims = (name: string, own: boolean, claims: Record<string, string>): Stranger => ({
  name,
  own,
  credential: () => secretJwt(claims),
})

const byToken = (name: string, body: object): Stranger => ({
  name,
  own: false,
  async credential(send) {
    const ask = { method: 'POST', path: '/api/tokens', body }
    const { text } = await send('key-of-acme', ask)
    return JSON.parse(text).token
  },
})

export const strangers: readonly Stranger[] = [
  byClaims('another subject', false, { sub: 'mallory', tenant: 'acme', scope: 'chat' }),
  byClaims('a subject with other capitals', false, { sub: 'ADA', tenant: 'acme' }),
  byClaims('a reader', false, { sub: 'rita', tenant: 'acme', scope: 'read' }),
  byToken('a token of another session', { session: 'x' }),
  byToken('a token of a session with a longer id', { session: 's ' }),
  byToken('a token of another subject', { subject: 'eve' }),
  {
    name: 'a member who was removed',
    own: false,
    async credential(send, ada) {
      const at = { method: 'PUT', path: '/api/chat/s/members' }
      await send(ada, { ...at, body: { members: [{ subject: 'former', role: 'writer' }] } })
      await send(ada, { ...at, body: { members: [] } })
      return secretJwt({ sub: 'former', tenant: 'acme' })
    },
  },
  byClaims('an admin of another tenant', true, { sub: 'ada', tenant: 'other', scope: 'admin' }),
  { name: 'a key of another tenant', own: true, credential: async () => 'key-of-other' },
  byClaims('the same subject without a tenant', true, { sub: 'ada' }),
  byClaims('a tenant with other capitals', true, { sub: 'ada', tenant: 'Acme' }),
  byClaims('a tenant that looks alike', true, { sub: 'ada', tenant: 'acm\u0435' }),
  byClaims('a tenant that continues the name', true, { sub: 'ada', tenant: 'acme/s' }),
]
