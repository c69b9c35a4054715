/**
 * The same calls to Loom's tools and to pi-coding-agent's, an implementation that none of ours has
 * been made from. They agree, or the case says why they are meant not to.
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
  // What it does not find it would fetch.
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

// Said, and not passed over in silence.
if (programs.withoutFd !== undefined) {
  describe('glob', () => {
    it(`is not compared: ${programs.withoutFd}`, ({ skip }) => skip())
  })
}
