/** Formats measurements as text: the median, the raw value of every round, and the verdicts. */
import type { ContenderName } from './contender.ts'
import type { Measures } from './measures.ts'
import { scenarios } from './scenario.ts'
import type { ScenarioName, Target } from './scenario.ts'
import { median } from './statistics.ts'

/** The measures of one contender in one round of one scenario. */
export interface Cell {
  scenario: ScenarioName
  contender: ContenderName
  round: number
  measures: Measures
}

export interface Verdict extends Target {
  scenario: ScenarioName
  ratio: number
  pass: boolean
}

/** Returns the verdict of every target for which both contenders were measured. */
export function verdictsOf(cells: readonly Cell[]): Verdict[] {
  return [...new Set(cells.map((cell) => cell.scenario))].flatMap((scenario) =>
    scenarios[scenario].targets.flatMap((target) => {
      const own = valuesOf(cells, scenario, target.of, target.measure)
      const other = valuesOf(cells, scenario, target.over, target.measure)
      if (own.length === 0 || other.length === 0) return []
      const ratio = median(own) / median(other)
      return [{ ...target, scenario, ratio, pass: ratio <= target.most }]
    }),
  )
}

/** Returns the table of one scenario and its verdicts. */
export function reportOf(scenario: ScenarioName, cells: readonly Cell[]): string {
  const own = cells.filter((cell) => cell.scenario === scenario)
  const contenders = [...new Set(own.map((cell) => cell.contender))].sort()
  const measures = Object.keys(own[0]?.measures ?? {})
  const rows = measures.flatMap((measure) =>
    contenders.map((contender, index) => {
      const values = valuesOf(own, scenario, contender, measure)
      return [
        (index === 0 ? measure : '').padEnd(16),
        contender.padEnd(6),
        format(median(values)).padStart(9),
        `  ${values.map(format).join('  ')}`,
      ].join(' ')
    }),
  )
  const verdicts = verdictsOf(own).map(verdictLine)
  const head = `${'measure'.padEnd(16)} ${'who'.padEnd(6)} ${'median'.padStart(9)}   rounds`
  return [scenarios[scenario].title, '', head, ...rows, '', ...verdicts, ''].join('\n')
}

function valuesOf(
  cells: readonly Cell[],
  scenario: ScenarioName,
  contender: ContenderName,
  measure: string,
): number[] {
  return cells
    .filter((cell) => cell.scenario === scenario && cell.contender === contender)
    .flatMap((cell) => cell.measures[measure] ?? [])
}

function verdictLine({ measure, of, over, ratio, most, pass }: Verdict): string {
  const verdict = pass ? 'PASS' : 'FAIL'
  return `${verdict}  ${measure}: ${of} / ${over} = ${ratio.toFixed(3)}, at most ${most.toFixed(3)}`
}

/** Formats a value with three significant digits. */
function format(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)
}
