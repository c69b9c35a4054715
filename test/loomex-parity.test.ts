/**
 * Every feature that LoomEx documents (callbacks, defaults, functions, tools, events, forms of the command)
 * works in Loom as docs/migration-from-loomex.md says. Each row of its tables has one check, which runs Loom
 * with the names and values of the row.
 */
import { afterEach, describe, expect, it } from 'vitest'

import { tidy } from './cli/command.ts'
import { lacksTerminal } from './cli/pseudo-terminal.ts'
import { pageAt, rowsOf } from './docs/pages.ts'
import { builtInToolChecks } from './loomex/built-in-tools.ts'
import { callbackChecks } from './loomex/callbacks.ts'
import { commandChecks } from './loomex/command-line.ts'
import { configurationChecks } from './loomex/configuration.ts'
import { functionChecks } from './loomex/functions.ts'
import { ownToolChecks } from './loomex/own-tools.ts'
import type { Checks } from './loomex/row.ts'
import { runChecks } from './loomex/running.ts'
import { sinkChecks } from './loomex/sinks.ts'
import { telemetryChecks } from './loomex/telemetry.ts'

const checks: Checks = {
  ...callbackChecks,
  ...functionChecks,
  ...ownToolChecks,
  ...sinkChecks,
  ...runChecks,
  ...builtInToolChecks,
  ...configurationChecks,
  ...commandChecks,
  ...telemetryChecks,
}

/** The rows that Loom does not have yet. */
const missing: string[] = []

const rows = rowsOf(pageAt('docs/migration-from-loomex.md'), /^LoomEx$/)
const isAtTerminal = (feature: string) => feature.includes('chat -i')

afterEach(tidy)

describe('the tables of the migration', () => {
  it('have one row for each check, and one check for each row', () => {
    const features = rows.map(([feature = '']) => feature)
    expect(features.toSorted()).toEqual(Object.keys(checks).toSorted())
  })

  it('name the rows that Loom does not have yet', () => {
    const absent = rows.filter(([, loom = '']) => /not yet|\bno\b|missing/.test(loom))
    expect(absent.map(([feature]) => feature)).toEqual(missing)
  })
})

describe('a row', () => {
  for (const row of rows) {
    const [feature = ''] = row
    it.skipIf(lacksTerminal && isAtTerminal(feature))(feature, async () => {
      await checks[feature]?.(row)
    })
  }
})
