/** The list of the sessions of a tenant, from the catalogue: no file is read. */
import type { SessionPage } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Catalogue, Row } from './catalogue.ts'

interface PageOptions {
  tenant: string
  limit: number
  before?: number
  isOver: (row: Row) => boolean
}

export function pageOf(
  catalogue: Catalogue,
  { tenant, limit, before = Infinity, isOver }: PageOptions,
): SessionPage {
  const rows = [...catalogue.all()]
    .filter(
      ({ id, record, usedAt }) => record?.tenant === tenant && usedAt < before && !isTaskId(id),
    )
    .filter((row) => !isOver(row))
    .sort((a, b) => b.usedAt - a.usedAt)
    .slice(0, limit)
  const last = rows.at(-1)
  return {
    sessions: rows.flatMap(({ record }) => record ?? []),
    ...(rows.length === limit && last !== undefined && { before: last.usedAt }),
  }
}
