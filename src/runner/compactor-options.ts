/** What a turn's compactor is given of the run that it belongs to. */
import { Breaker } from '../compaction/breaker.ts'
import type { Origins } from '../compaction/origins.ts'
import type { Spending } from '../spending.ts'
import type { CompactorOptions } from './compactor.ts'
import { contextOf } from './context.ts'
import type { Settings } from './settings.ts'
import { summaryWriter } from './summary-writer.ts'
import type { TurnOptions } from './turn-options.ts'

interface TurnParts {
  origins: Origins
  /** As they are in this step. */
  settings: () => Settings
  spend: (spending: Spending) => void
}

export function compactorOptions<CONTEXT>(
  turn: TurnOptions<CONTEXT>,
  { origins, settings, spend }: TurnParts,
): CompactorOptions {
  const { models, signal, options } = turn
  const { compaction } = turn.settings
  const { summaries, beforeStart } = options.session ?? {}
  return {
    compaction,
    signal,
    origins,
    breaker: summaries?.breaker ?? new Breaker(),
    save: summaries?.save,
    ask: summaryWriter({
      models,
      signal,
      settings,
      beforeStart,
      spend,
      options: typeof compaction === 'object' ? compaction : {},
      context: contextOf(options),
    }),
  }
}
