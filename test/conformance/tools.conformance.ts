/**
 * The same calls to Loom's tools and to those of pi-coding-agent, an independent implementation.
 * Both agree, or the case has the reason for the difference.
 */
import { rm } from 'node:fs/promises'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { Case } from './case.ts'
import { cases } from './cases.ts'
import { loom, outcomeOf, type Peer, piCodingAgent } from './peers.ts'
import { pathWith, peerPrograms } from './programs.ts'

const programs = await peerPrograms()
let pi: Peer

beforeAll(async () => {
  process.env['PATH'] = pathWith(programs.folder)
  // Without this setting, the peer would download missing programs.
  process.env['PI_OFFLINE'] = '1'
  pi = await piCodingAgent()
})
afterAll(() => rm(programs.folder, { recursive: true }))

const labelled = (given: Case) => [`${given.tool}: ${given.name}`, given] as const
const isRunnable = ({ tool }: Case) => tool !== 'glob' || programs.withoutFd === undefined

describe('tools agree with those of pi-coding-agent', () => {
  const alike = cases.filter((given) => given.differs === undefined && isRunnable(given))

  it.each(alike.map(labelled))('%s', async (_, given) => {
    expect(await outcomeOf(loom, given)).toEqual(await outcomeOf(pi, given))
  })
})

describe('tools are meant to differ from those of pi-coding-agent', () => {
  const unlike = cases.filter((given) => given.differs !== undefined && isRunnable(given))

  it.each(unlike.map(labelled))('%s', async (_, given) => {
    expect(await outcomeOf(loom, given)).not.toEqual(await outcomeOf(pi, given))
  })
})

// A missing program is reported as a skipped test.
if (programs.withoutFd !== undefined) {
  describe('glob', () => {
    it(`is not compared: ${programs.withoutFd}`, ({ skip }) => skip())
  })
}
