/** `loom models [words]`: a table of the known models, one line for each. */
import type { ListedModel, ModelList } from '../model.ts'

/** Columns are for people. Programs use `GET /api/models`. */
export function modelTable({ models, total }: ModelList): string {
  if (models.length === 0) return 'No model is known by these words.\n'
  const rows = models.map(rowOf)
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = [headings, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const rest = total - models.length
  if (rest > 0) lines.push(`… and ${rest} more: add words, as in "loom models openrouter sonnet".`)
  return `${lines.join('\n')}\n`
}

const headings = ['MODEL', 'KEY', 'CONTEXT', '$/M IN', '$/M OUT', 'CAN']

/** An unknown value is `?`; a price of 0 means free. */
function rowOf({ id, configured, contextWindow, price, ...model }: ListedModel): string[] {
  return [
    id,
    configured ? 'set' : '',
    contextWindow === undefined ? '?' : shortCount(contextWindow),
    price === undefined ? '?' : `${price.input}${price.tiers === undefined ? '' : '+'}`,
    price === undefined ? '?' : `${price.output}${price.tiers === undefined ? '' : '+'}`,
    abilitiesOf(model).join(' '),
  ]
}

function abilitiesOf(model: Omit<ListedModel, 'id' | 'configured'>): string[] {
  const { tools, reasoning, input = [], status } = model
  return [
    ...(tools === true ? ['tools'] : []),
    ...(reasoning === true ? ['reasoning'] : []),
    ...input.filter((kind) => kind !== 'text'),
    ...(status === undefined ? [] : [`(${status})`]),
  ]
}

const shortCount = (count: number) =>
  count < 1000
    ? String(count)
    : count >= 1_000_000
      ? `${Math.floor(count / 100_000) / 10}M`
      : `${Math.floor(count / 1000)}k`
