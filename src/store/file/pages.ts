/** The list of the sessions of a tenant, from the catalogue: no file is read. */
import { isListedFor } from '../member.ts'
import type { SessionPage } from '../session.ts'
import { isTaskId } from '../task.ts'
import type { Catalogue, Row } from './catalogue.ts'

interface PageOptions {
  tenant: string
  limit: number
  before?: number
  subject?: string
  isOver: (row: Row) => boolean
}

export function pageOf(
  catalogue: Catalogue,
  { tenant, limit, before = Infinity, subject, isOver }: PageOptions,
): SessionPage {
  const rows = [...catalogue.all()]
    .filter(
      ({ id, record, usedAt }) => record?.tenant === tenant && usedAt < before && !isTaskId(id),
    )
    .filter(({ record }) => record !== undefined && isListedFor(record, subject))
    .filter((row) => !isOver(row))
    .sort((a, b) => b.usedAt - a.usedAt)
    .slice(0, limit)
  const last = rows.at(-1)
  return {
    sessions: rows.flatMap(({ record }) => record ?? []),
    ...(rows.length === limit && last !== undefined && { before: last.usedAt }),
  }
}
