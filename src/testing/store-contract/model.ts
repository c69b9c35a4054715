/** Compares random sequences of calls on one session with the model. */
import type * as FastCheck from 'fast-check'

import type { WhenBusy } from '../../store/letter.ts'
import { converse } from './conversation.ts'
import { type Kind, Run, type Step } from './random-calls.ts'
import type { Subject } from './subject.ts'

export function model({ it, store }: Subject, runs: number): void {
  it('has the same effect in the store and the model', async () => {
    const fc = await fastCheck()
    await fc.assert(
      fc.asyncProperty(sequences(fc), async (calls) => {
        const run = new Run(converse(store()))
        for (const [step, mode] of calls) await run.step(step, mode)
      }),
      { numRuns: runs },
    )
  })
}

/** @throws Error that names the package if it is not installed */
export async function fastCheck(): Promise<typeof FastCheck> {
  try {
    return await import('fast-check')
  } catch (cause) {
    throw new Error(
      'The random sequences of the contract need the package fast-check. Install it (`npm install --save-dev fast-check`), or set `runs: 0`.',
      { cause },
    )
  }
}

/** Random sequences of calls. */
export function sequences(fc: typeof FastCheck): FastCheck.Arbitrary<[Step, WhenBusy][]> {
  const ids = fc.nat(7)
  const whenBusy = fc.constantFrom<WhenBusy>('queue', 'reject', 'interrupt', 'rollback', 'steer')
  const steps: FastCheck.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('post' as const),
        id: ids,
        kind: fc.constantFrom<Kind[]>(
          'message',
          'message',
          'answer',
          'regenerate',
          'edit',
          'change',
          'result',
        ),
        at: fc.nat(5),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('withdraw' as const), id: ids }) },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('finish' as const),
        state: fc.constantFrom('idle' as const, 'waiting' as const),
        discard: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom(...(['takeSteered', 'settle', 'stop', 'takeOver', 'append'] as const)),
      }),
    },
  )
  return fc.array(fc.tuple(steps, whenBusy), { minLength: 5, maxLength: 40 })
}
